"""Reading an image's layers once, as streams, into facts."""
