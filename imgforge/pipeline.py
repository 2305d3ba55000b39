"""The story of a build: plan, engine, proof, evidence, signatures, and only then a name.

Each step hands plain data to the next. Nothing gets a tag, in Docker's store or in a registry,
before every gate held.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge import cache, context, freshness
from imgforge.console import Console, Meter
from imgforge.errors import EvidenceError, GateError, InvalidInputError
from imgforge.files import LOCK
from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor, sha256
from imgforge.output import DEFAULT, Output, Record

if TYPE_CHECKING:
    from imgforge.analysis import ImageFacts
    from imgforge.compiled import Compiled
    from imgforge.engines.protocol import BuildSecret, Built
    from imgforge.plan import BuildPlan
    from imgforge.policy.bounds import Policy
    from imgforge.report.subject import Report
    from imgforge.signing.sealer import Sealer
    from imgforge.source import Source


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks of one build; ``epoch`` is seconds, ``push`` references."""

    engine: str = "auto"
    tags: tuple[str, ...] = ()
    epoch: int | None = None
    no_cache: bool = False
    key: Path | None = None
    password: Callable[[], bytes] = bytes
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
    pushed: tuple[str, ...]

    @property
    def reference(self) -> str:
        """The image by digest, in the registry it was pushed to if it was."""
        return (
            self.pushed[0] if self.pushed else f"{self.record.name}@{self.record.image['digest']}"
        )


def build(spec_path: Path, options: Options, console: Console) -> Result:
    """Build the project of ``spec_path`` into a proven image; raises ImgforgeError's classes."""
    if options.push and options.key is None:
        raise InvalidInputError(
            "--push needs --key: nothing unsigned gets a tag in a registry",
            hint="make one with: imgforge key generate",
        )
    if options.push and options.offline:
        raise InvalidInputError("--push cannot be done --offline")
    if options.push and options.platforms:
        raise InvalidInputError(
            "--platform is for builds that stay here; what is pushed has all the spec's platforms",
            hint="leave --platform out, or change image.platforms in the spec",
        )
    root = spec_path.resolve().parent
    output = Output(options.output or root / DEFAULT)
    with output.exclusive():
        record, content = None, None
        if not options.no_cache:
            spec = sha256(spec_path.read_bytes())
            record, content = freshness.unchanged(spec, root, output, _choices(options))
        unchanged = record is not None
        if record is None:
            record = _build(spec_path, content, output, options, console)
        else:
            console.note("nothing changed; the stored image and its evidence hold")
        if options.load:
            with console.step("load into the Docker Engine"):
                _load(output.layout(), record)
        pushed = tuple(_push(output.layout(), record, target, console) for target in options.push)
    return Result(record, output.path, unchanged, pushed)


def _build(
    spec_path: Path, content: str | None, output: Output, options: Options, console: Console
) -> Record:
    from imgforge import checks, compiled
    from imgforge import evidence as beside
    from imgforge import policy as policies
    from imgforge.report import subject

    sealer = _open_key(options)
    policy = policies.effective(options.policy)
    source = compiled.load(spec_path, epoch=options.epoch)
    plan = _chosen(source.plan, options)
    policy = policies.asked_for(policy.about(plan.name), plan.runtime.tools)
    _check_secrets(plan, options.secrets)
    # The fingerprint and key come before the engine reads anything: what changes meanwhile is
    # built the next time.
    content = content or context.fingerprint(source.root, plan.inputs, plan.exclude)
    key = freshness.key(source.spec, source.root, content, plan.stack, _choices(options))
    origin = _origin(spec_path.resolve(), plan)
    built, engine, reason = _run_engine(source, plan, policy, output, options, console)
    with console.step("analyse and check") as say:
        images = _analyse(built, Meter(say, "reading layers").add)
        judged = [(facts, checks.run(facts, policy)) for _, facts in images]
        report = subject.of(plan.name, policy, images=judged, digest=built.image.digest)
    packages = sum(len(facts.packages) for _, facts in images)
    console.note(f"{packages} packages, {len(report.findings)} findings")
    _gate(report, source.dockerfile, output, console)
    with console.step("write SBOMs and provenance"):
        provenance = _provenance(source, plan, content, built, engine, origin())
        files = beside.files(plan, source.dockerfile, images, report.findings, provenance)
    with output.staging() as folder:
        layout = Layout.create(folder / "image")
        layout.import_image(built.layout, built.image)
        _verify_blobs(layout, built.image)
        referrers: list[Descriptor] = []
        if sealer is not None:
            with console.step("sign"):
                referrers = beside.sign(
                    layout, built.image, files, sealer(), name=plan.name, created=plan.epoch
                )
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
            signed_by=freshness.public_fingerprint(options.key),
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
    return freshness.Choices(
        options.engine,
        options.tags,
        options.epoch,
        options.policy,
        options.key,
        options.secrets.keys(),
        options.platforms,
    )


def _open_key(options: Options) -> Callable[[], Sealer] | None:
    """Begin opening the private key (a slow key derivation); return how to wait for it."""
    if options.key is None:
        return None
    from concurrent.futures import ThreadPoolExecutor

    from imgforge.signing import KeySealer, pair

    pool = ThreadPoolExecutor(max_workers=1)
    future = pool.submit(pair.open_pair, options.key, options.password())
    pool.shutdown(wait=False)
    return lambda: KeySealer(future.result())


def _run_engine(  # noqa: PLR0917 - what a build is made of
    source: Compiled,
    plan: BuildPlan,
    policy: Policy,
    output: Output,
    options: Options,
    console: Console,
) -> tuple[Built, str, str]:
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
        return engine.build(request), name, reason


def _preload(options: Options) -> None:
    """Load what the steps after the engine need while the engine works: most of their time."""
    names = ["imgforge.analysis.layer", "imgforge.checks", "imgforge.provenance"]
    names += ["imgforge.sbom.spdx", "imgforge.sbom.cyclonedx", "imgforge.secrets.engine"]
    if options.key is not None:
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


def _origin(spec: Path, plan: BuildPlan) -> Callable[[], Source | None]:
    """Begin asking git which commit the project is of; return how to wait for the answer."""
    from concurrent.futures import ThreadPoolExecutor

    from imgforge import source

    asked = (spec.parent, plan.inputs, plan.exclude, os.environ)
    pool = ThreadPoolExecutor(max_workers=1)
    future = pool.submit(source.of, *asked, files=(spec.name, LOCK))
    pool.shutdown(wait=False)
    return future.result


def _provenance(  # noqa: PLR0917 - all that goes into it
    source: Compiled,
    plan: BuildPlan,
    content: str,
    built: Built,
    engine: str,
    origin: Source | None,
) -> dict[str, object]:
    from imgforge import provenance

    dockerfile = sha256(source.dockerfile.encode())
    inputs = provenance.Inputs(source.spec, source.lock, content, dockerfile, origin)
    return provenance.predicate(plan, inputs, engine=engine, tools=built.tools)


def _verify_blobs(layout: Layout, image: Descriptor) -> None:
    """Hash every blob: layers come from caches, and what was found in them is kept by digest."""
    from imgforge import verify

    try:
        verify.verify_blobs(layout, image)
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


def _check_secrets(plan: BuildPlan, given: Mapping[str, BuildSecret]) -> None:
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


def _push(layout: Layout, record: Record, target: str, console: Console) -> str:
    from imgforge import publish
    from imgforge.oci.reference import Reference

    reference = Reference.parse(target)
    tags = (reference.tag,) if reference.tag else record.tags
    with console.step(f"push to {reference.name}") as say:
        return publish.publish(
            layout, record.descriptor, record.referrer_list, reference, tags, say=say
        )
