"""The story of a build: plan, engine, proof, evidence, signatures, and only then a name.

Each step hands plain data to the next. Nothing gets a tag, in Docker's store or in a registry,
before every gate held.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge import cache, context, freshness
from imgforge.console import Console, Meter
from imgforge.errors import EvidenceError, GateError, InvalidInputError
from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor, sha256
from imgforge.output import DEFAULT, Output, Record

if TYPE_CHECKING:
    from imgforge.analysis import ImageFacts
    from imgforge.compiled import Compiled
    from imgforge.engines.protocol import BuildSecret, Built
    from imgforge.plan import BuildPlan
    from imgforge.policy.bounds import Policy
    from imgforge.publish import Pushed
    from imgforge.report.subject import Report
    from imgforge.signing.choice import SignWith
    from imgforge.signing.sealer import Sealer
    from imgforge.signing.signatory import Signatory


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks of one build; ``epoch`` is seconds, ``push`` references."""

    engine: str = "auto"
    tags: tuple[str, ...] = ()
    epoch: int | None = None
    no_cache: bool = False
    sign: SignWith | None = None
    attest: tuple[tuple[str, Path], ...] = ()
    """Further predicates to sign: the type's URI, and the file."""
    secrets: Mapping[str, BuildSecret] = field(default_factory=dict)
    policy: Path | None = None
    output: Path | None = None
    push: tuple[str, ...] = ()
    load: bool = False
    offline: bool = False
    platforms: tuple[str, ...] = ()
    """Of the spec's, those to build; all if there are none here."""


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
    signs = options.sign is not None and options.sign.anything
    if options.push and not signs:
        raise InvalidInputError(
            "--push needs --key or --keyless: nothing unsigned gets a tag in a registry",
            hint="make a key with: imgforge key generate, or in a CI give --keyless",
        )
    if options.attest and not signs:
        raise InvalidInputError("--attest needs --key or --keyless: what is attested is signed")
    if options.push and options.offline:
        raise InvalidInputError("--push cannot be done --offline")
    if options.push and options.platforms:
        raise InvalidInputError(
            "--platform is for builds that stay here; what is pushed has all the spec's platforms",
            hint="leave --platform out, or change image.platforms in the spec",
        )
    _check_targets(options)
    chosen = _choices(options)
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
                _load(output.layout(), record)
        pushed = _push(output.layout(), record, options, console) if options.push else ()
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
    plan = _chosen(source.plan, options)
    policy = policies.asked_for(policy.about(plan.name), plan.runtime.tools)
    check_secrets(plan, options.secrets)
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
    built, engine, reason, base = run_engine(source, plan, policy, output, options, console)
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


def _chosen(plan: BuildPlan, options: Options) -> BuildPlan:
    """Return ``plan`` with the tags and platforms that the command line chose."""
    unknown = [p for p in options.platforms if p not in plan.platforms]
    if unknown:
        raise InvalidInputError(
            f"the spec does not name the platform {', '.join(unknown)}",
            hint=f"image.platforms has {', '.join(plan.platforms)}; imgforge lock pins what it has",
        )
    platforms = tuple(p for p in plan.platforms if p in options.platforms) or plan.platforms
    return replace(plan, tags=options.tags or plan.tags, platforms=platforms)


def _choices(options: Options) -> freshness.Choices:
    token = None
    attested: list[tuple[str, bytes]] = []
    if options.sign is not None and options.sign.anything:
        from imgforge.signing import choice, predicate

        choice.check(options.sign, offline=options.offline)
        token = choice.available(options.sign)
        attested = [(kind, predicate.read(kind, file)) for kind, file in options.attest]
    return freshness.Choices(
        options.engine,
        options.tags,
        options.epoch,
        options.policy,
        options.sign,
        options.secrets.keys(),
        options.platforms,
        token,
        attested,
    )


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


def run_engine(  # noqa: PLR0917 - what a build is made of
    source: Compiled,
    plan: BuildPlan,
    policy: Policy,
    output: Output,
    options: Options,
    console: Console,
) -> tuple[Built, str, str, Path]:
    """Build; return the image, the engine, why it was taken, and the runtime base's layout."""
    from imgforge import engines
    from imgforge.bases.needed import layouts_of
    from imgforge.engines.protocol import BuildRequest

    name, engine, reason = engines.choose(options.engine, plan)
    threading.Thread(target=_preload, args=(options,), daemon=True).start()
    needed = {plan.runtime.base}
    if name != "native":
        needed |= {stage.base for stage in plan.stages}
    with console.step("bases") as say:
        layouts = layouts_of(source.root, needed, policy, offline=options.offline, say=say)
    with console.step(f"build with {name}") as say:
        request = BuildRequest(
            plan=plan,
            dockerfile=source.dockerfile,
            context=source.root,
            bases=layouts,
            secrets=options.secrets,
            scratch=output.work(name, fresh=options.no_cache),
            no_cache=options.no_cache,
            say=say,
            offline=options.offline,
        )
        return engine.build(request), name, reason, layouts[plan.runtime.base.pin]


def _preload(options: Options) -> None:
    """Load what the steps after the engine need while the engine works: most of their time."""
    names = ["imgforge.analysis.layer", "imgforge.checks", "imgforge.provenance.build"]
    names += ["imgforge.sbom.spdx", "imgforge.sbom.cyclonedx", "imgforge.secrets.engine"]
    if options.sign is not None and options.sign.anything:
        names.append("imgforge.signing.bundle")
    for name in names:
        importlib.import_module(name)


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


def check_secrets(plan: BuildPlan, given: Mapping[str, BuildSecret]) -> None:
    """InvalidInputError unless just the secrets that ``plan`` declares were given."""
    wanted = {name for stage in plan.stages for name in stage.secrets}
    details = [
        *(
            f"{name}: declared in build.secrets, not given"
            for name in sorted(wanted - given.keys())
        ),
        *(
            f"{name}: given, not declared in build.secrets"
            for name in sorted(given.keys() - wanted)
        ),
    ]
    if details:
        raise InvalidInputError(
            "the build's secrets don't fit the spec",
            details=details,
            hint="give each as --secret id=NAME,src=FILE or --secret id=NAME,env=VARIABLE",
        )


def _load(layout: Layout, record: Record) -> None:
    from imgforge.engines import docker

    docker.load(layout, record.descriptor, [f"{record.name}:{tag}" for tag in record.tags])


def _check_targets(options: Options) -> None:
    """Refuse malformed targets before anything is built."""
    if options.push:
        from imgforge import publish

        publish.targets(options.push, options.tags)


def _push(layout: Layout, record: Record, options: Options, console: Console) -> tuple[Pushed, ...]:
    from imgforge import publish
    from imgforge.shipment import Shipment, Terms

    goals = publish.targets(options.push, record.tags)
    shipment = Shipment(layout, record.descriptor, tuple(record.referrer_list))
    # Who else signed it since (imgforge sign) proves nothing here, and is in nobody's way.
    terms = Terms((_signatory(options, record),), others=True)
    with console.step("push") as say:
        return publish.publish(shipment, goals, terms, say=say)


def _signatory(options: Options, record: Record) -> Signatory:
    """Return whose signature proves what this build, or the stored one, signed."""
    from imgforge.signing import choice

    if options.sign is None or not options.sign.anything:
        raise EvidenceError("nothing unsigned gets a tag in a registry")
    return choice.stored(options.sign, record.signer)
