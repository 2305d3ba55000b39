"""The story of a build: plan, engine, proof, evidence, signatures, and only then a name.

Each step hands plain data to the next. Nothing gets a tag, in Docker's store or in a registry,
before every gate held.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge import asked, cache, context, delivery, freshness, making, manifests
from imgforge.asked import Options
from imgforge.console import Console, Meter
from imgforge.errors import EvidenceError, GateError
from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor, sha256
from imgforge.output import DEFAULT, Output, Record

if TYPE_CHECKING:
    from imgforge.analysis import ImageFacts
    from imgforge.engines.protocol import Built
    from imgforge.plan import BuildPlan
    from imgforge.publish import Pushed
    from imgforge.report.subject import Report
    from imgforge.signing.sealer import Sealer


@dataclass(frozen=True, slots=True)
class Result:
    """What a build leaves: the record, where it lies, and where it was pushed."""

    record: Record
    output: Path
    unchanged: bool
    pushed: tuple[Pushed, ...]

    @property
    def reference(self) -> str:
        """The image by digest, in the registry it was pushed to if it was."""
        if self.pushed:
            return self.pushed[0].reference
        return f"{self.record.name}@{self.record.image['digest']}"


def build(spec_path: Path, options: Options, console: Console) -> Result:
    """Build the project of ``spec_path`` into a proven image; raises ImgforgeError's classes."""
    asked.check(options)
    chosen = asked.choices(options)
    root = spec_path.resolve().parent
    output = Output(options.output or root / DEFAULT)
    with output.exclusive():
        record, content = None, None
        if not options.no_cache:
            spec = sha256(spec_path.read_bytes())
            record, content = freshness.unchanged(spec, root, output, chosen)
        unchanged = record is not None
        if record is None:
            record = _build(spec_path, content, output, options, chosen, console)
        else:
            console.note("nothing changed; the stored image and its evidence hold")
        if options.load:
            with console.step("load into the Docker Engine"):
                delivery.load(output.layout(), record)
        pushed = delivery.push(output.layout(), record, options, console) if options.push else ()
    return Result(record, output.path, unchanged, pushed)


def _build(  # noqa: PLR0917 - what a build is made of
    spec_path: Path,
    content: str | None,
    output: Output,
    options: Options,
    chosen: freshness.Choices,
    console: Console,
) -> Record:
    from imgforge import compiled, judgement
    from imgforge import evidence as beside
    from imgforge import policy as policies
    from imgforge.provenance import gathered
    from imgforge.vulnerabilities import built as vulnerabilities
    from imgforge.vulnerabilities import scan

    sealer = _open_sealer(chosen, console)
    policy = policies.effective(options.policy)
    source = compiled.load(spec_path, epoch=options.epoch)
    plan = asked.chosen(source.plan, options)
    policy = policies.asked_for(policy.about(plan.name), plan.runtime.tools)
    asked.check_secrets(plan, options.secrets)
    manifests.check(spec_path, source.root, plan.inputs)
    # The fingerprint and key come before the engine reads anything: what changes meanwhile is
    # built the next time.
    content = content or context.fingerprint(source.root, plan.inputs, plan.exclude)
    key = freshness.key(source.spec, source.root, content, plan.stack, chosen)
    tell = gathered.begin(
        spec_path,
        source,
        plan,
        content,
        policies.files(options.policy),
        options.engine,
        options.epoch,
    )
    built, engine, reason, base = making.run_engine(source, plan, policy, output, options, console)
    with console.step("analyse and check") as say:
        images = _analyse(built, Meter(say, "reading layers").add)
        listed = judgement.listed(source.root, plan, images, base, engine, built.tools)
        verdict = judgement.judge(plan.name, policy, built.image.digest, images, listed)
        report, looked = verdict.report, verdict.looked
        inventories = [
            (image, found) for (image, _), (found, _) in zip(images, listed, strict=True)
        ]
    packages = sum(len(found.components) for _, found in inventories)
    console.note(f"{packages} packages, {len(report.findings)} findings")
    if looked is None:
        console.note(scan.NONE)
    _gate(report, source.dockerfile, output, console)
    with console.step("write SBOMs and provenance"):
        provenance = tell(engine, built.tools)
        files = beside.files(plan, source.dockerfile, inventories, report.findings, provenance)
        files |= {beside.file_of(kind): data for kind, data in chosen.attested}
        files |= {vulnerabilities.FILE: looked.predicate} if looked is not None else {}
    with output.staging() as folder:
        layout = Layout.create(folder / "image")
        layout.import_image(built.layout, built.image)
        _verify_blobs(layout, built.image)
        referrers: list[Descriptor] = []
        signer: dict[str, str] = {}
        if sealer is not None:
            with console.step("sign"):
                referrers, signer = _sign(layout, built.image, files, sealer(), plan, chosen)
        layout.write_index([*_tagged(built.image, plan.tags), *referrers])
        (folder / "evidence").mkdir()
        for name, data in files.items():
            (folder / "evidence" / name).write_bytes(data)
        record = Record(
            key=key,
            spec=source.spec,
            stack=plan.stack,
            inputs=plan.inputs,
            exclude=plan.exclude,
            name=plan.name,
            tags=plan.tags,
            engine=engine,
            reason=reason,
            image=_plain(built.image).to_json(),
            referrers=tuple(r.to_json() for r in referrers),
            evidence={name: sha256(data) for name, data in sorted(files.items())},
            signer=signer,
        )
        output.commit(folder, record)
    return record


def _open_sealer(chosen: freshness.Choices, console: Console) -> Callable[[], Sealer] | None:
    """Begin opening what signs (slow: keys are derived, services found); return how to wait."""
    if chosen.sign is None or not chosen.sign.anything:
        return None
    from imgforge.signing import choice

    return choice.begin(chosen.sign, console.note, token=chosen.token)


def _sign(  # noqa: PLR0917 - what is signed, by whom, as what
    layout: Layout,
    image: Descriptor,
    files: Mapping[str, bytes],
    sealer: Sealer,
    plan: BuildPlan,
    chosen: freshness.Choices,
) -> tuple[list[Descriptor], dict[str, str]]:
    """Sign the image and its evidence; return the referrers and who signed."""
    from imgforge import evidence
    from imgforge.signing import choice
    from imgforge.signing.statement import VULNERABILITIES
    from imgforge.vulnerabilities.built import FILE

    scanned = [(VULNERABILITIES, files[FILE])] if FILE in files else []
    referrers = evidence.sign(
        layout,
        image,
        files,
        sealer,
        name=plan.name,
        created=plan.epoch,
        attested=[*chosen.attested, *scanned],
    )
    return referrers, choice.said(sealer)


def _analyse(built: Built, progress: Callable[[int], None]) -> list[tuple[Descriptor, ImageFacts]]:
    from imgforge.analysis import analyse

    store = cache.directory("analysis")
    images = built.layout.images(built.image)
    return [
        (image, analyse(built.layout, image, cache=store, progress=progress)) for image in images
    ]


def _gate(report: Report, dockerfile: str, output: Output, console: Console) -> None:
    from imgforge.evidence import findings_json
    from imgforge.report import text

    if report.findings:
        console.text(text.render(report, colour=console.colour))
    if not report.passed:
        found = findings_json(report.findings)
        files = {"findings.json": found, "Dockerfile": dockerfile.encode()}
        folder = output.reject(files)
        raise GateError(
            f"the image has findings at or above {report.fail_on} and was given no name",
            hint=f"mend them or let a policy accept them; all are in {folder}/findings.json",
        )


def _verify_blobs(layout: Layout, image: Descriptor) -> None:
    """Hash every blob: layers come from caches, and what was found in them is kept by digest."""
    from imgforge.oci.whole import verify_blobs

    try:
        verify_blobs(layout, image)
    except EvidenceError as error:
        raise EvidenceError(
            f"{error.message}; the cache it came from is spoiled",
            hint="build with --no-cache, or delete the cache (imgforge doctor says where it is)",
        ) from error


def _tagged(image: Descriptor, tags: tuple[str, ...]) -> list[Descriptor]:
    note = "org.opencontainers.image.ref.name"
    return [replace(_plain(image), annotations={note: tag}) for tag in tags]


def _plain(image: Descriptor) -> Descriptor:
    return Descriptor(image.media_type, image.digest, image.size, platform=image.platform)
