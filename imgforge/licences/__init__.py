"""Licences of components: what a policy allows, and the notices that must go along."""
