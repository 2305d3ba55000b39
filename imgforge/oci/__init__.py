"""OCI images: descriptors, layouts, layers, image configuration and the registry client."""
