"""Git, as the dataset needs it: the only importer of git."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from trainset.core.files import chunks, digest
from trainset.errors import TrainsetError, UsageError

ATTRIBUTES = (
    "labels/** -text !filter !merge diff=trainset linguist-generated\n"
    "predictions/** -text !filter !merge diff=trainset linguist-generated\n"
    "releases/** -text !filter\n"
)
_NO_SUCH_REVISION = "`git log --oneline`, `git tag` and `git branch` list revisions"
_OVERTAKEN = ("fetch first", "non-fast-forward", "cannot lock ref", "failed to update ref", "incorrect old value")
"""What Git says of a push when another one came in between."""
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


@dataclass(frozen=True)
class Tag:
    """A tag and the commit that it leads to. Who made an annotated one, and when (ISO 8601). `verified` says whether this
    machine's Git holds the signature for good; it is None where there is none."""

    name: str
    commit: str
    annotated: bool
    tagger: str = ""
    time: str = ""
    verified: bool | None = None


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

    def take_back(self, paths: Sequence[str], commit: str | None) -> bool:
        """Undo what `commit` did, or began, with these new paths; False where others have committed on top meanwhile."""
        if commit is not None and not self._ok("update-ref", "-m", "taken back", "HEAD", f"{commit}^", commit):
            return False
        return self._ok("--literal-pathspecs", "reset", "-q", "--", *paths)

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

    # -- other clones ---------------------------------------------------------------------------------------

    def remotes(self) -> list[str]:
        """The names of the remotes there are."""
        return self._git("remote").split()

    def branch(self) -> str | None:
        """The branch that is checked out, None where none is."""
        try:
            return self._git("symbolic-ref", "-q", "HEAD").removeprefix("refs/heads/")
        except TrainsetError:
            return None

    def upstream(self, branch: str) -> tuple[str, str] | None:
        """The remote, and the branch there, that a branch follows; None where it follows none."""
        try:
            remote, merge = (self._git("config", f"branch.{branch}.{what}") for what in ("remote", "merge"))
        except TrainsetError:
            return None
        return remote, merge.removeprefix("refs/heads/")

    def ahead(self) -> int:
        """How many commits (at most 1000) no remote is known to have; 0 where there is no remote."""
        if not self.remotes() or self.head() is None:
            return 0
        return int(self._git("rev-list", "--count", "--max-count=1000", "HEAD", "--not", "--remotes"))

    def sharing(self) -> tuple[object, ...]:
        """Changes whenever HEAD, the index or what is known of remotes does."""
        logs = self.common_dir / "logs" / "refs" / "remotes"
        known = [(p.stat().st_mtime_ns, p.stat().st_size) for p in sorted(logs.rglob("*")) if p.is_file()]
        return (*self.fingerprint(), *known)

    def fetch(self, remote: str, branch: str) -> None:
        """Ask a remote for what it has, a branch among it also in a clone that follows others alone; TrainsetError where it
        cannot be reached."""
        self._git("fetch", "-q", remote)
        wanted = f"refs/heads/{branch}"
        all_followed = self._ok("config", "--get-all", f"remote.{remote}.fetch", r"refs/heads/\*")
        if not all_followed and self._git("ls-remote", "--heads", remote, wanted):
            self._git("fetch", "-q", remote, f"+{wanted}:refs/remotes/{remote}/{branch}")

    def tip(self, remote: str, branch: str) -> str | None:
        """The commit that a branch of a remote was at when it was last asked, None where it has no such branch."""
        try:
            return self._git("rev-parse", "--verify", "-q", f"refs/remotes/{remote}/{branch}")
        except TrainsetError:
            return None

    def unmerged(self) -> dict[str, tuple[bytes, bytes]]:
        """The two sides of every file that a merge left in conflict, by path; those that one side lacks are left out."""
        sides: dict[str, dict[str, str]] = {}
        for row in filter(None, self._git("ls-files", "-u", "-z").split("\0")):
            info, _, path = row.partition("\t")
            _, blob, stage = info.split()
            sides.setdefault(path, {})[stage] = blob
        both = {path: [found["2"], found["3"]] for path, found in sides.items() if {"2", "3"} <= found.keys()}
        return {path: (ours, theirs) for path, ids in both.items() for ours, theirs in [self.blobs(ids)]}

    def settled(self, path: str) -> None:
        """Take a file as it is in the tree for what a merge made of it."""
        self._git("--literal-pathspecs", "add", "--", path)

    def merge(self, commit: str, sound: Callable[[], None], settle: Callable[[], None]) -> list[str]:
        """Merge a commit; the paths in conflict, after `settle` settled what it can, in which case nothing has changed.

        `sound` looks at the merged files, and raises where they cannot be used: nothing has changed then either, as where
        Git refuses (a TrainsetError).
        """
        try:
            try:
                self._git("merge", "-q", "--ff", "--no-commit", commit)
            except TrainsetError:
                settle()
                if self.under_way() != "merge" or self._git("ls-files", "-u"):
                    raise
            if self.under_way() == "merge":
                sound()
                self._git("commit", "-q", "--no-edit")
        except BaseException as error:
            conflicts = self._git("diff", "--name-only", "--diff-filter=U", "-z").split("\0")[:-1]
            if self.under_way() == "merge":
                self._git("merge", "--abort")
            if conflicts and isinstance(error, TrainsetError):
                return conflicts
            raise
        return []

    def push(self, remote: str, branch: str) -> bool:
        """Push HEAD to a branch of a remote; False where somebody else pushed in between, TrainsetError where it cannot
        be pushed at all."""
        try:
            self._git("push", "-q", "-u", remote, f"HEAD:refs/heads/{branch}")
        except TrainsetError as error:
            if any(words in error.message for words in _OVERTAKEN):
                return False
            raise
        return True

    def added(self, before: str, after: str, *paths: str) -> list[str]:
        """The files below these paths that one commit has and an earlier one had not, from the dataset's root."""
        out = self._git("diff", "--name-only", "--no-renames", "--diff-filter=A", "--relative", "-z", before, after, "--", *paths)  # fmt: skip
        return out.split("\0")[:-1]

    def parents(self, commit: str) -> list[str]:
        """The commits that a commit follows."""
        return self._git("rev-parse", f"{commit}^@").split()

    def count(self, before: str | None, after: str) -> int:
        """How many commits `after` has that `before` lacks."""
        return int(self._git("rev-list", "--count", after, *(("--not", before) if before else ())))

    def identity(self) -> tuple[str, str]:
        """The user's name and e-mail address as Git knows them, empty where it does not."""
        values = []
        for name in ("user.name", "user.email"):
            try:
                values.append(self._git("config", name))
            except TrainsetError:
                values.append("")
        return values[0], values[1]

    # -- tags -----------------------------------------------------------------------------------------------

    def taggable(self, name: str) -> bool:
        """Whether Git takes this for a tag's name, and for nothing else: no branch here or elsewhere is called so."""
        if name == "HEAD" or not self._ok("check-ref-format", f"refs/tags/{name}"):
            return False
        return not self._git("for-each-ref", f"refs/heads/{name}", f"refs/remotes/*/{name}")

    def tag(self, name: str) -> Tag | None:
        """The tag of this name, None where there is none that leads to a commit."""
        ref = f"refs/tags/{name}"
        try:
            commit = self._git("rev-parse", "--verify", "-q", f"{ref}^{{commit}}")
        except TrainsetError:
            return None
        form = "%(objecttype)%00%(taggername)%00%(taggerdate:iso-strict)%00%(contents:signature)"
        kind, tagger, time, signature = self._git("for-each-ref", f"--format={form}", ref).split("\0", 3)
        verified = self._ok("verify-tag", ref) if signature.strip() else None
        return Tag(name, commit, kind == "tag", tagger, time, verified)

    def make_tag(self, name: str, commit: str, message: str) -> None:
        """Annotate a commit under a name; signed where Git is set to sign tags, or commits and says nothing of tags. There
        is no tag where that fails."""
        signed = self._says("tag.gpgSign") or (self._says("tag.gpgSign") is None and self._says("commit.gpgSign"))
        self._git("tag", "-s" if signed else "-a", "--cleanup=verbatim", "-m", message, name, commit)
        made = self.tag(name)
        if signed and (made is None or made.verified is None):  # Git of 2023 ends well without an SSH key that it lacks
            self._git("tag", "-d", name)
            raise TrainsetError(
                f"Git is set to sign, and could not sign the tag {name}",
                hint="`git config user.signingKey` names the key",
            )

    def _says(self, setting: str) -> bool | None:
        """What a setting of Git says, None where it says nothing."""
        try:
            return self._git("config", "--type=bool", setting) == "true"
        except TrainsetError:
            return None

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

    def fork(self, revision: str, other: str = "HEAD") -> str:
        """The last commit that a revision has in common with another; the revision itself where none is known here, as in a
        shallow clone, and the empty tree for the HEAD of a repository without commits."""
        if revision == "HEAD" and self.head() is None:
            return self._git("hash-object", "-t", "tree", os.devnull)
        commit = self.resolve(revision)
        try:
            return self._git("merge-base", commit, self.resolve(other))
        except TrainsetError:
            return commit

    def index_tree(self) -> dict[str, str]:
        """The blob of every file of the dataset's that is staged, by path: inside a hook, what is to be committed."""
        with self._hooked():
            rows = self._git("ls-files", "-s", "-z", "--", "labels", "predictions").split("\0")
        return {path: info.split()[1] for info, _, path in (row.partition("\t") for row in rows if row)}

    def staged(self, commit: str) -> list[tuple[str, str, str]]:
        """(letter, path, blob before) of the dataset's record files in which what is staged differs from a commit."""
        with self._hooked():
            out = self._git("diff-index", "--cached", "--raw", "--no-abbrev", "--no-renames", "--relative", "-z", commit, "--",
                            "labels", "predictions")  # fmt: skip
        rows = out.split("\0")[:-1]
        return [(info.split()[4][0], path, info.split()[2]) for info, path in zip(rows[::2], rows[1::2], strict=True)]

    @contextmanager
    def _hooked(self) -> Iterator[None]:
        """With the index that Git names to a hook: of `git commit PATH` it is another than the repository's."""
        named = os.environ.get("GIT_INDEX_FILE")
        place = self.git_dir / "index" if named is None else self.top / named
        with self._repo.git.custom_environment(GIT_INDEX_FILE=str(place)):
            yield

    def earlier(self, paths: Sequence[str]) -> list[str]:
        """The blobs that any commit of a branch or tag had below these paths, each once."""
        found: dict[str, None] = {}
        for some in chunks(paths, 1000):
            out = self._git("--literal-pathspecs", "log", "--all", "--full-history", "--diff-merges=separate", "--no-renames",
                            "--raw", "--no-abbrev", "--format=", "--", *some)  # fmt: skip
            found |= dict.fromkeys(blob for line in out.splitlines() for blob in line.split("\t")[0].split()[2:4])
        return [blob for blob in found if blob.strip("0")]

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
