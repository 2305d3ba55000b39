"""Whether an image that was made again is the same, and what differs if it is not."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgforge import cache
from imgforge.errors import EvidenceError, InvalidInputError
from imgforge.oci.layout import Blobs, Layout, references
from imgforge.oci.types import Descriptor, Platform

if TYPE_CHECKING:
    from imgforge.analysis import ImageFacts
    from imgforge.bases.difference import Difference
    from imgforge.engines.protocol import Built

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that differs: its number from 1, both digests (empty: there is none).

    ``packed``: its content is the same, only how it was compressed is not.
    """

    number: int
    expected: str
    made: str
    packed: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was expected and what was made, by digest; of images that differ, how."""

    expected: str
    made: str
    same: bool
    differences: Mapping[Platform, Difference] = field(default_factory=dict)
    layers: Mapping[Platform, tuple[Layer, ...]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "same": self.same,
            "expected": self.expected,
            "made": self.made,
            "platforms": {
                str(platform): {
                    **difference.to_json(),
                    "layers": [asdict(layer) for layer in self.layers[platform]],
                }
                for platform, difference in self.differences.items()
            },
        }


def whole(expected: str, made: Built) -> Comparison | None:
    """Return that both are the same, if their digests are; None if it must be looked at."""
    if made.image.digest != expected:
        return None
    return Comparison(expected, made.image.digest, same=True)


def images(
    expected: str, original: Blobs, listed: list[Descriptor], made: Built, scratch: Path
) -> Comparison:
    """Compare the images ``listed`` in ``original`` with those that were made, by platform.

    ``scratch`` is an empty folder for the layers of those that differ. EvidenceError if a blob of
    the original is not what its digest says; InvalidInputError if no platform is in both.
    """
    from imgforge.analysis import analyse
    from imgforge.bases import difference

    again = {_platform(made.layout, image): image for image in made.layout.images(made.image)}
    before = {_platform(original, image): image for image in listed}
    both = [platform for platform in again if platform in before]
    if not both:
        raise InvalidInputError(f"{original.place} has no image of a platform that was made")
    differing = [p for p in both if before[p].digest != again[p].digest]
    differences, layers = {}, {}
    for platform in differing:
        layout = Layout.create(scratch / before[platform].digest.removeprefix("sha256:"))
        _copy(original, before[platform], layout)
        store = cache.directory("analysis")
        old = analyse(layout, before[platform], cache=store)
        new = analyse(made.layout, again[platform], cache=store)
        differences[platform] = difference.compare(old, layout, new, made.layout)
        layers[platform] = tuple(_layers(old, new))
    alone = before.keys() ^ again.keys()
    digests = (before[both[0]].digest, again[both[0]].digest) if len(both) == 1 else None
    narrowed = digests or (expected, made.image.digest)
    return Comparison(*narrowed, not differing and not alone, differences, layers)


def _platform(blobs: Blobs, image: Descriptor) -> Platform:
    if image.platform is not None:
        return image.platform
    config = blobs.read_json(references(blobs.read_json(image))[0])
    return Platform(*(str(config.get(key) or "") for key in ("os", "architecture", "variant")))


def _layers(old: ImageFacts, new: ImageFacts) -> list[Layer]:
    found = []
    for number in range(max(len(old.layers), len(new.layers))):
        before = old.layers[number] if number < len(old.layers) else None
        after = new.layers[number] if number < len(new.layers) else None
        expected = before.digest if before else ""
        made = after.digest if after else ""
        if expected != made:
            packed = before is not None and after is not None and before.diff_id == after.diff_id
            found.append(Layer(number + 1, expected, made, packed))
    return found


def _copy(source: Blobs, image: Descriptor, layout: Layout) -> None:
    """Bring an image into ``layout``, every blob hashed."""
    parts = references(source.read_json(image))
    layout.add(source.read(image), image.media_type)
    for blob in {part.digest: part for part in parts}.values():
        total = hashlib.sha256()
        try:
            with source.open_blob(blob) as reader, layout.writer() as file:
                while piece := reader.read(_PIECE):
                    total.update(piece)
                    file.write(piece)
                if f"sha256:{total.hexdigest()}" != blob.digest:
                    raise EvidenceError(f"{source.place}: blob {blob.digest} is not what it says")
                layout.adopt(file, blob.digest)
        except OSError as error:
            raise EvidenceError(f"{source.place} lacks blob {blob.digest}") from error
