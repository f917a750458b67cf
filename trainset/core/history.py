"""Git, as the dataset needs it: the only importer of git."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from trainset.core.files import digest
from trainset.errors import TrainsetError, UsageError

ATTRIBUTES = (
    "labels/** -text !filter !merge diff=trainset linguist-generated\n"
    "predictions/** -text !filter !merge diff=trainset linguist-generated\n"
)
_NO_SUCH_REVISION = "`git log --oneline`, `git tag` and `git branch` list revisions"
_SETTINGS = (
    "core.quotePath=false",
    "color.ui=false",
    "log.showSignature=false",
    "core.fsync=committed,reference,index",
)
_INHERITED = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR")


@dataclass(frozen=True)
class Commit:
    """A commit of the dataset: its id, author, time (ISO 8601) and message."""

    id: str
    author: str
    time: str
    message: str


class Repository:
    """The Git repository around a dataset at `root`, which may be a folder of a larger one."""

    def __init__(self, root: Path) -> None:
        git = _library()
        self.root = root.resolve()
        try:
            self._repo: Any = git.Repo(self.root, search_parent_directories=True, expand_vars=False)
        except (git.InvalidGitRepositoryError, git.NoSuchPathError):
            raise TrainsetError(f"{root} is not in a Git repository", hint="run `trainset init` there") from None
        if self._repo.bare:
            raise TrainsetError(f"{root} is a bare repository", hint="clone it, and work in the clone")
        self.top = Path(str(self._repo.working_tree_dir))
        self.git_dir = Path(self._repo.git_dir)
        self.common_dir = Path(self._repo.common_dir)
        self._prefix = self.root.relative_to(self.top.resolve()).as_posix()
        self._repo.git.update_environment(LC_ALL="C", GIT_OPTIONAL_LOCKS="0")
        if any(name in os.environ for name in _INHERITED):  # inside a hook Git names another index, or repository
            self._repo.git.update_environment(
                GIT_DIR=str(self.git_dir),
                GIT_WORK_TREE=str(self.top),
                GIT_INDEX_FILE=str(self.git_dir / "index"),
                GIT_COMMON_DIR=str(self.common_dir),
            )
        self._git("rev-parse", "--git-dir")  # Git has its own reasons to refuse a repository, and says them

    @property
    def machine(self) -> Path:
        """Where this machine keeps its places for the dataset: shared by worktrees, but not by datasets of a repository."""
        return self.common_dir / "trainset" / ("" if self._prefix == "." else digest(self._prefix.encode())[:12])

    @property
    def live(self) -> Path:
        """Where the live files of this dataset lie: a place of its own for each worktree, and each dataset of a
        repository."""
        worktree = os.path.relpath(self.git_dir, self.common_dir)
        return self.common_dir / "trainset" / "live" / digest(f"{worktree} {self._prefix}".encode())[:12]

    def close(self) -> None:
        """End the Git process that reads objects."""
        self._repo.close()

    def _git(self, *args: str, stdin: IO[bytes] | None = None) -> str:
        """Run Git in the dataset's folder; TrainsetError says what it said."""
        git = _library()
        settings = [part for setting in _SETTINGS for part in ("-c", setting)]
        try:
            command = ["git", *settings, "-C", str(self.root), *args]
            found = self._repo.git.execute(command, istream=stdin, strip_newline_in_stdout=False)
            return str(found).removesuffix("\n")
        except git.GitCommandError as error:
            said = str(error.stderr).strip().removeprefix("stderr: ").strip("' \n") or f"exit status {error.status}"
            raise TrainsetError(f"git {next(a for a in args if not a.startswith('-'))}: {said}") from error

    def _ok(self, *args: str) -> bool:
        try:
            self._git(*args)
        except TrainsetError:
            return False
        return True

    # -- what a writer of label files asks ------------------------------------------------------------------

    def fingerprint(self) -> tuple[object, ...]:
        """Changes whenever HEAD or the index does."""
        out: list[object] = []
        for name in ("index", "HEAD", "logs/HEAD"):
            try:
                s = (self.git_dir / name).stat()
                out.append((s.st_mtime_ns, s.st_size, s.st_ino))
            except FileNotFoundError:
                out.append(None)
        return tuple(out)

    def holds(self, path: Path) -> bool:
        """Whether the index or HEAD has this path."""
        return self._ok("--literal-pathspecs", "ls-files", "--error-unmatch", "--", str(path)) or (
            self.head() is not None and self._ok("cat-file", "-e", f"HEAD:{self._inside(path)}")
        )

    def has(self, path: Path, content: Path, *, anywhere: bool = False) -> bool:
        """Whether HEAD (or, `anywhere`, a commit of a branch or tag) has a file of this path that begins with what is
        in `content`. A stash is no such commit: it is thrown away."""
        name = path.relative_to(self.root).as_posix()
        commit = self.head()
        if anywhere:
            commit = self._git("--literal-pathspecs", "log", "-1", "--format=%H", "--diff-filter=AM", "--exclude=refs/stash",
                               "--all", "--", name)  # fmt: skip
        found = self.tree(commit, name).get(name) if commit else None
        if found is None or found[1] < content.stat().st_size:
            return False
        return next(self.blobs([found[0]])).startswith(content.read_bytes())

    def blob_id(self, data: bytes) -> str:
        """The id that Git gives these bytes."""
        return hashlib.sha1(b"blob %d\0%b" % (len(data), data), usedforsecurity=False).hexdigest()

    def _inside(self, path: Path) -> str:
        return path.resolve().relative_to(self.top.resolve()).as_posix()

    # -- committing -----------------------------------------------------------------------------------------

    def head(self) -> str | None:
        """The commit that is checked out, None before the first."""
        try:
            return self._git("rev-parse", "--verify", "-q", "HEAD")
        except TrainsetError:
            return None

    def detached(self) -> bool:
        """Whether no branch is checked out."""
        return not self._ok("symbolic-ref", "-q", "HEAD")

    def under_way(self) -> str | None:
        """The operation that Git is in the middle of, such as a merge."""
        marks = {"MERGE_HEAD": "merge", "rebase-merge": "rebase", "rebase-apply": "rebase", "CHERRY_PICK_HEAD": "cherry-pick",
                 "REVERT_HEAD": "revert"}  # fmt: skip
        return next((word for mark, word in marks.items() if (self.git_dir / mark).exists()), None)

    def check_ready(self) -> None:
        """TrainsetError unless a commit can be made now."""
        operation = self.under_way()
        if operation:
            raise TrainsetError(
                f"a {operation} is under way",
                hint=f"finish it (`git {operation} --continue`) or `git {operation} --abort`",
            )
        if not (self._ok("var", "GIT_COMMITTER_IDENT") and self._ok("var", "GIT_AUTHOR_IDENT")):
            raise TrainsetError(
                "Git does not know who you are",
                hint='git config --global user.name "Your Name" && git config --global user.email you@example.org',
            )

    def ignored(self, paths: Sequence[str]) -> list[str]:
        """Those of the paths that Git would refuse to add, with the rule that says so."""
        try:
            out = self._git("check-ignore", "-v", "--no-index", *paths)
        except TrainsetError:
            return []
        return [line for line in out.splitlines() if not line.split("\t")[0].rpartition(":")[2].startswith("!")]

    def filtered(self, path: str) -> str | None:
        """The filter or merge driver that Git would put on a path, None as it should be."""
        out = self._git("check-attr", "filter", "merge", "--", path)
        values = [line.rpartition(": ")[2] for line in out.splitlines()]
        return next((v for v in values if v not in ("unspecified", "unset")), None)

    def changed(self, paths: Sequence[str]) -> list[tuple[str, str]]:
        """(Git's two status letters, path from the dataset's root) of what differs from HEAD below these paths."""
        out = self._git("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all",
                        "--", *paths)  # fmt: skip
        prefix = "" if self._prefix == "." else f"{self._prefix}/"
        return [(row[:2], row[3:].removeprefix(prefix)) for row in out.split("\0") if row]

    def commit(self, paths: Sequence[str], message: str) -> str:
        """Commit these paths and nothing else, durably; what else is staged stays staged. The commit's id."""
        with TemporaryFile() as listed:
            listed.write(b"".join(os.fsencode(p) + b"\0" for p in paths))
            for command in (("add", "-A"), ("commit", "-q", "-m", message)):
                listed.seek(0)
                pathspec = ("--pathspec-from-file=-", "--pathspec-file-nul")
                self._git("--literal-pathspecs", *command, *pathspec, stdin=listed)
        return self._git("rev-parse", "HEAD")

    def committed(self, path: str) -> bytes:
        """A file as HEAD has it, empty where it has none."""
        head = self.head()
        found = self.tree(head, path).get(path) if head else None
        return b"" if found is None else next(self.blobs([found[0]]))

    def restore(self, path: str) -> None:
        """Bring back a file as HEAD has it."""
        self._git("--literal-pathspecs", "checkout", "-q", "HEAD", "--", path)

    def unpushed(self) -> int | None:
        """How many commits the upstream branch lacks; None where there is none."""
        try:
            return int(self._git("rev-list", "--count", "@{upstream}..HEAD"))
        except TrainsetError:
            return None

    def identity(self) -> tuple[str, str]:
        """The user's name and e-mail address as Git knows them, empty where it does not."""
        values = []
        for name in ("user.name", "user.email"):
            try:
                values.append(self._git("config", name))
            except TrainsetError:
                values.append("")
        return values[0], values[1]

    # -- reading history ------------------------------------------------------------------------------------

    def resolve(self, revision: str) -> str:
        """The commit that a revision names."""
        try:
            return self._git("rev-parse", "--verify", "-q", "--end-of-options", f"{revision}^{{commit}}")
        except TrainsetError:
            raise UsageError(f"there is no revision {revision!r}", hint=_NO_SUCH_REVISION) from None

    def tree(self, commit: str, *paths: str) -> dict[str, tuple[str, int]]:
        """(blob id, size) of every file below these paths at a commit, by path from the dataset's root."""
        out = self._git("ls-tree", "-r", "-l", "-z", commit, "--", *(paths or (".",)))
        found = {}
        for row in out.split("\0"):
            if row:
                info, _, path = row.partition("\t")
                _, _, blob, size = info.split()
                found[path] = (blob, int(size) if size != "-" else 0)
        return found

    def blobs(self, ids: Sequence[str]) -> Iterator[bytes]:
        """The contents of blobs, in order, through one Git process; TrainsetError for one that the clone lacks."""
        for blob in ids:
            try:
                _, _, _, stream = self._repo.git.stream_object_data(blob)
            except ValueError as error:
                raise TrainsetError(
                    f"this clone lacks the object {blob}", hint="fetch it, or work in a full clone"
                ) from error
            yield stream.read()

    def log(self, *paths: str, limit: int | None = None) -> list[Commit]:
        """The commits that touched these paths, newest first."""
        if self.head() is None:
            return []
        out = self._git(
            "log", "-z", "--format=%H%x1f%an%x1f%aI%x1f%B", *((f"-{limit}",) if limit else ()), "--", *paths
        )
        return [Commit(*row.strip("\n").split("\x1f", 3)) for row in out.split("\0") if row.strip()]

    def rewritten(self, path: str) -> list[tuple[str, str, str, str]]:
        """(commit, letter, path, blob before) wherever history modified (M) or deleted (D) a file below `path`."""
        if self.head() is None:
            return []
        out = self._git("log", "--full-history", "--diff-merges=separate", "--no-renames", "--diff-filter=MDT", "--raw",
                        "--no-abbrev", "--relative", "--format=>%H", "--", path)  # fmt: skip
        found, commit = [], ""
        for line in out.splitlines():
            if line.startswith(">"):
                commit = line[1:]
            elif line:
                info, _, name = line.partition("\t")
                _, _, before, _, letter = info.split()
                found.append((commit, letter[0], name, before))
        return found

    def shallow(self) -> bool:
        """Whether this clone lacks a part of history."""
        return self._git("rev-parse", "--is-shallow-repository") == "true"


def init(folder: Path, own: bool = False) -> None:
    """Make `folder` a Git repository; where it is in one already, only if it is to have its `own`."""
    git = _library()
    try:
        if not own:
            git.Repo(folder, search_parent_directories=True, expand_vars=False)
            return
    except git.InvalidGitRepositoryError:
        pass
    git.Repo.init(folder, expand_vars=False)


def _library() -> Any:
    """GitPython, which cannot even be imported without Git."""
    try:
        import git
    except ImportError as error:
        raise TrainsetError("Git is not installed", hint="install it: trainset keeps labels in Git") from error
    return git
