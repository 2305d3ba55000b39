"""Demands written as policies for clusters, so that what is verified here is admitted there.

Each renderer is a pure function ``render(demand, name, *, files, partial=False)`` and returns YAML.
Where an engine cannot check what is demanded, the export fails with the list, or says so in the
policy (``partial``): never a silently weaker one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from imgforge.verify.export import cluster_image_policy, kyverno

EXPORTS: Mapping[str, Callable[..., str]] = {
    "cluster-image-policy": cluster_image_policy.render,
    "kyverno": kyverno.render,
}
"""Name of a policy's kind -> what renders it."""
