"""The volumes of a pod as folders, and the links that stand for a container's mount points.

<pod folder>/volumes/<volume>/...                     the content, shared by the pod's containers
<pod folder>/mounts/<container>/<mount path>   ->     a link to it; $(E2I_MOUNTS) is the folder above
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path

from e2i.kube import Object
from e2i.local.node import environment
from e2i.local.node.environment import MissingValueError, Reference, Sources, expand

FetchToken = Callable[[Object], Awaitable[str]]
"""Takes a serviceAccountToken projection, returns a token."""
FileMode = int
Files = dict[str, tuple[bytes, FileMode]]
"""Content and mode of each file, by its path inside the volume."""
DEFAULT_MODE = 0o644


class MountError(Exception):
    """A volume cannot be made now; the message says which and why."""


def volume_references(pod: Object) -> set[Reference]:
    """Return the Secrets and ConfigMaps that the pod's volumes come from."""
    found: set[Reference] = set()
    for volume in pod["spec"].get("volumes") or []:
        if "secret" in volume:
            found.add(("secret", volume["secret"]["secretName"]))
        if "configMap" in volume:
            found.add(("configMap", volume["configMap"].get("name", "")))
        for source in (volume.get("projected") or {}).get("sources") or []:
            if "secret" in source:
                found.add(("secret", source["secret"].get("name", "")))
            if "configMap" in source:
                found.add(("configMap", source["configMap"].get("name", "")))
    return found


async def make_volumes(folder: Path, sources: Sources, fetch_token: FetchToken) -> None:
    """Make all volumes of the pod below `folder`; safe to repeat, emptyDirs keep their files."""
    for volume in sources.pod["spec"].get("volumes") or []:
        target = folder / volume["name"]
        try:
            if "hostPath" in volume:
                _link(target, _host_path(volume["hostPath"]))
                continue
            target.mkdir(parents=True, exist_ok=True)
            if "emptyDir" not in volume:
                write_files(target, await volume_files(volume, sources, fetch_token))
        except (MissingValueError, OSError) as error:
            raise MountError(f'MountVolume.SetUp failed for volume "{volume["name"]}": {error}') from error


async def volume_files(volume: Object, sources: Sources, fetch_token: FetchToken) -> Files:
    """Return the files of a secret, configMap, downwardAPI or projected volume."""
    if "projected" in volume:
        default = volume["projected"].get("defaultMode", DEFAULT_MODE)
        files: Files = {}
        for source in volume["projected"].get("sources") or []:
            if "serviceAccountToken" in source:
                spec = source["serviceAccountToken"]
                # Only this user needs it: on a real node the pod's file system is private too.
                files[spec["path"]] = ((await fetch_token(spec)).encode(), 0o600)
            else:
                files |= _plain_files(source, sources, default)
        return files
    kind = next((kind for kind in ("secret", "configMap", "downwardAPI") if kind in volume), "")
    return _plain_files(volume, sources, volume.get(kind, {}).get("defaultMode", DEFAULT_MODE))


def _plain_files(volume: Object, sources: Sources, mode: FileMode) -> Files:
    if "secret" in volume:
        spec = volume["secret"]
        return _object_files(("secret", spec.get("secretName") or spec.get("name", "")), spec, sources, mode)
    if "configMap" in volume:
        spec = volume["configMap"]
        return _object_files(("configMap", spec.get("name", "")), spec, sources, mode)
    if "downwardAPI" in volume:
        items = volume["downwardAPI"].get("items") or []
        return {item["path"]: (_downward(item, sources).encode(), item.get("mode") or mode) for item in items}
    kind = next((key for key in volume if key != "name"), "nothing")
    raise MissingValueError(f"the local node does not offer {kind} volumes; use emptyDir or hostPath")


def _object_files(reference: Reference, spec: Object, sources: Sources, mode: FileMode) -> Files:
    data = sources.objects[reference]
    optional = bool(spec.get("optional"))
    if data is None:
        if optional:
            return {}
        raise MissingValueError(f'{reference[0].lower()} "{reference[1]}" not found')
    if not spec.get("items"):
        return {key: (value, mode) for key, value in data.items()}
    files: Files = {}
    for item in spec["items"]:
        if item["key"] in data:
            files[item["path"]] = (data[item["key"]], item.get("mode") or mode)
        elif not optional:
            raise MissingValueError(
                f"{reference[0].lower()} {reference[1]} references non-existent key: {item['key']}"
            )
    return files


def _downward(item: Object, sources: Sources) -> str:
    if "fieldRef" in item:
        return environment.field(item["fieldRef"]["fieldPath"], sources)
    reference = item["resourceFieldRef"]
    return environment.resource_field(reference, sources.pod["spec"]["containers"][0], sources)


def write_files(folder: Path, files: Mapping[str, tuple[bytes, FileMode]]) -> None:
    """Write each file atomically: a reader never sees half a token."""
    for path, (content, mode) in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.partial")
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode & 0o777 | 0o400)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        partial.replace(target)


def _host_path(spec: Object) -> Path:
    path, kind = Path(spec["path"]), spec.get("type") or ""
    if kind == "DirectoryOrCreate":
        path.mkdir(parents=True, exist_ok=True)
    elif kind == "FileOrCreate":
        path.touch(exist_ok=True)
    elif kind == "Directory" and not path.is_dir():
        raise MissingValueError(f"hostPath {path} is not a directory")
    elif kind == "File" and not path.is_file():
        raise MissingValueError(f"hostPath {path} is not a file")
    return path


def make_mounts(mounts: Path, volumes: Path, container: Object, env: Mapping[str, str]) -> None:
    """Replace the links of one container; MountError if a sub-path leads out of its volume."""
    shutil.rmtree(mounts, ignore_errors=True)
    mounts.mkdir(parents=True)
    for mount in _outer_first(container.get("volumeMounts") or []):
        volume = volumes / mount["name"]
        inside = mount.get("subPath") or expand(mount.get("subPathExpr") or "", env)
        if ".." in Path(inside).parts or Path(inside).is_absolute():
            raise MountError(f"subPath {inside!r} of volume {mount['name']} leads out of the volume")
        source = volume / inside
        if not source.exists():
            source.mkdir(parents=True)
        _link(mounts / mount["mountPath"].lstrip("/"), source)


def _outer_first(mounts: Iterable[Object]) -> list[Object]:
    return sorted(mounts, key=lambda mount: len(Path(mount["mountPath"]).parts))


def _link(link: Path, target: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink():
        link.unlink()
    elif link.is_dir():
        # A mount inside another volume, made for an earlier container: it has the same content and name.
        return
    link.symlink_to(target)
