"""The documentation: commands and examples in it run and print what it says, and it leaves nothing out.

A fence marked `run` is executed (```console run, ```python run), one marked `insert` edits `trainset.toml` of the folder
that the commands are in: its lines are put below the table that its first line names. In the output shown, `…` stands
for anything; figures, digests and the width of gaps may differ.
"""

import contextlib
import dataclasses
import importlib.util
import inspect
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import msgspec
import pytest

from trainset import cli, testing
from trainset.core import config, editing, layout, model, protocols, scene
from trainset.plugins import builtin, hookspecs, specs
from trainset.plugins.manager import HOOKS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), *ROOT.glob("plugins/*/README.md")])
RUN = [page for page in PAGES if re.search(r"^```\w+ run$", page.read_text(encoding="utf-8"), re.M)]
FROM_NOTHING = ("README.md", "tutorial.md")
"""Pages whose first command makes a dataset; the others work in the tutorial's."""
FENCE = re.compile(r"^```(\w+) (run|insert)\n(.*?)^```$", re.M | re.S)
REGISTRY = re.compile(r"pypi\.|npmjs|crates\.io|huggingface\.co|conda\.")
MACHINE = re.compile(r"(?<![\w.])/(home|work|root|Users|tmp)/")
SHELL = re.compile(r"[|<>;&`$*]")


def name_of(page):
    return str(page.relative_to(ROOT))


# -- running what the pages show ---------------------------------------------------------------------------------


class Shell:
    """Runs lines as a reader would type them; `trainset` runs in this process."""

    def __init__(self, cwd):
        self.cwd = cwd
        self.names = {}

    def __call__(self, line):
        words = [] if SHELL.search(re.sub(r"'[^']*'", "", line)) else shlex.split(line)
        if words[:1] == ["cd"]:
            self.cwd = (self.cwd / words[1]).resolve()
            return ""
        if words[:1] == ["trainset"]:
            return self.in_process(words)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(["bash", "-c", line], cwd=self.cwd, env={**os.environ, "PATH": path}, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip
        return done.stdout

    def in_process(self, words):
        said, before = io.StringIO(), (Path.cwd(), sys.argv, sys.stdin)
        sys.argv, sys.stdin = words, io.StringIO()
        os.chdir(self.cwd)
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), contextlib.suppress(SystemExit):
                cli.main()
        finally:
            os.chdir(before[0])
            sys.argv, sys.stdin = before[1:]
        return said.getvalue()

    def python(self, code):
        said, before = io.StringIO(), Path.cwd()
        os.chdir(self.cwd)
        try:
            with contextlib.redirect_stdout(said):
                exec(code, self.names)  # the page's own example
        finally:
            os.chdir(before)
        return said.getvalue()

    def insert(self, text):
        table, _, lines = text.partition("\n")
        path = self.cwd / config.FILE
        settings = path.read_text(encoding="utf-8")
        assert f"\n{table}\n" in settings
        path.write_text(settings.replace(f"\n{table}\n", f"\n{table}\n{lines}"), encoding="utf-8")


def steps(text):
    """(command, output shown) for each `$` line; a backslash at its end goes on in the next."""
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, _, shown = re.sub(r"\\\n", "", part, count=part.partition("\n")[0].endswith("\\")).partition("\n")
        yield command, shown


def rough(text):
    """Text without what differs from one run to the next."""
    text = re.sub(r"\b[0-9A-HJKMNP-TV-Z]{26}\b|(?<=run )[0-9A-Z]{6}\b|\b(?=\w*\d)[0-9a-f]{6,40}\b", "#", text)
    text = re.sub(r"\d+([.,:T-]\d+)*Z?", "0", text)
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())


def agrees(shown, printed):
    pattern = re.escape(rough(shown)).replace("…\\\n", "(?:.*\\\n)*?").replace("…", ".*")
    return re.fullmatch(pattern, rough(printed), re.S if shown.strip().endswith("…") else 0) is not None


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """What `trainset demo` draws: media and a model."""
    from trainset_vision.demo import Belt

    folder = tmp_path_factory.mktemp("demo")
    Belt().make(folder, 0)
    return folder


def nobody_s_machine(monkeypatch, home):
    """Make the environment that of a machine of nobody in particular, whose Git knows somebody called Ana."""
    for name in [n for n in os.environ if n.startswith(("TRAINSET_", "GIT_"))]:
        monkeypatch.delenv(name)
    (home / ".gitconfig").write_text("[user]\nname = Ana Ruiz\nemail = ana@example.org\n")
    for name, value in {"HOME": home, "GIT_CONFIG_NOSYSTEM": 1, "GIT_MERGE_AUTOEDIT": "no", "NO_COLOR": 1}.items():
        monkeypatch.setenv(name, str(value))


@pytest.fixture(scope="session")
def prepared(demo, tmp_path_factory):
    """A folder with the demo and the tutorial's dataset as far as its first commit."""
    home = tmp_path_factory.mktemp("prepared")
    shutil.copytree(demo, home / "demo")
    with pytest.MonkeyPatch.context() as monkeypatch:
        nobody_s_machine(monkeypatch, home)
        shell = Shell(home)
        shell("trainset init parts --modality vision --task parts:box:screw,bent-screw,nut,washer,gear")
        shell("cd parts")
        shell("cp -r ../demo/media/. media")
        shell("cp ../demo/model.onnx .")
        for line in ("add media", "model add model.onnx --name belt", "reviewer add ana", "reviewer add bo --name Bo"):
            shell(f"trainset {line}")
        shell.insert("[tasks.parts.rules]\naccept-above = { score = 0.98 }\n")
        shell("trainset prelabel")
        shell("trainset decide --where 'score < 0.5' --verdict accepted --yes")
        shell("trainset commit")
    return home


@pytest.fixture
def shell(demo, tmp_path, monkeypatch):
    """A shell beside the demo's folder."""
    nobody_s_machine(monkeypatch, tmp_path)
    shutil.copytree(demo, tmp_path / "demo")
    return Shell(tmp_path)


@pytest.fixture
def parts(prepared, tmp_path, monkeypatch):
    """A shell in a copy of the prepared dataset."""
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    nobody_s_machine(monkeypatch, tmp_path)
    return Shell(tmp_path / "parts")


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_what_a_page_shows_is_what_happens(page, request):
    shell = request.getfixturevalue("shell" if page.name in FROM_NOTHING else "parts")
    for language, what, text in FENCE.findall(page.read_text(encoding="utf-8")):
        if what == "insert":
            shell.insert(text)
        elif language == "python":
            shown = "".join(f"{line}\n" for line in re.findall(r"^# > (.*)$", text, re.M))
            printed = shell.python(text)
            assert not shown or agrees(shown, printed), f"{text}\n-- printed:\n{printed}"
        else:
            for command, shown in steps(text):
                printed = shell(command)
                assert agrees(shown, printed), f"$ {command}\n{shown}\n-- printed:\n{printed}"


# -- leaving nothing out ------------------------------------------------------------------------------------------


def text_of(name):
    return (DOCS / name).read_text(encoding="utf-8")


def make_cli():
    spec = importlib.util.spec_from_file_location("make_cli", DOCS / "make_cli.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_commands_is_up_to_date():
    assert text_of("cli.md") == make_cli().page(), "run `make docs`"


def test_every_command_and_option_has_help():
    for words, command in make_cli().commands():
        assert command.help, f"trainset {' '.join(words)} has no help"
        for parameter in command.params:
            assert not isinstance(parameter, click.Option) or parameter.help, f"{' '.join(words)} {parameter.opts}"


def tables(struct, above=""):
    """(table, key) of every setting below a struct of `core.config`; tables of plugins' settings have no keys."""
    for field in msgspec.structs.fields(struct):
        name = f"{above}.{field.encode_name}".removeprefix(".")
        yield above, field.encode_name
        kind = field.type
        if getattr(kind, "__origin__", None) is dict:
            kind, name = kind.__args__[1], f"{name}.*"
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            yield from tables(kind, name)


def test_every_setting_is_explained_and_in_the_reference():
    explained, reference = text_of("configuration.md"), layout.reference()
    for table, key in tables(config._File):
        heading = f"[{key}" if not table else f"`{key}`"
        assert heading in explained, f"docs/configuration.md: [{table}] {key}"
        assert re.search(rf"(^|[\[.{{,\s]){key}(\]|\.|\s*=)", reference, re.M), f"reference.toml: [{table}] {key}"


def test_the_reference_of_settings_is_a_dataset_s():
    settings = config.read(layout.reference(), "reference.toml")
    assert settings.tasks and settings.models and settings.reviewers
    assert settings.dataset.modality == tomllib.loads(layout.reference())["dataset"]["modality"]


def test_every_rule_setting_and_order_is_explained():
    page = text_of("rules.md")
    for spec in builtin.trainset_rules():
        module, _, name = spec.settings.partition(":")
        settings = msgspec.structs.fields(getattr(importlib.import_module(module), name))
        row = next(line for line in page.splitlines() if line.startswith(f"| `{spec.name}` |"))
        for field in settings:
            assert f"`{field.encode_name}` " in row, f"{spec.name}: {field.encode_name}"
    for spec in builtin.trainset_rankers():
        assert f"| `{spec.name}` |" in page


def test_every_filter_field_is_explained():
    from trainset.core.where import parse
    from trainset.errors import UsageError

    with pytest.raises(UsageError, match=r"there are (.*) and attribute") as raised:
        parse("no-such-field = 1", "")
    for name in re.search("there are (.*) and attribute", raised.value.message)[1].split(", "):
        assert f"| `{name}` |" in text_of("where.md")


def test_every_hook_and_spec_field_is_documented():
    page = text_of("hooks.md")
    for hook, kind in HOOKS.items():
        signature = str(inspect.signature(getattr(hookspecs, hook))).replace("'", "")
        assert f"### {hook}{signature}\n" in page
        section = page.partition(f"| `{kind.__name__}` field |")[2].partition("###")[0]
        described = re.findall(r"^\| `(\w+)` \| (.+?) \|", section, re.M)
        assert [name for name, _ in described] == [f.name for f in dataclasses.fields(kind)]
        for field, (name, default) in zip(dataclasses.fields(kind), described, strict=True):
            needed = field.default is dataclasses.MISSING
            assert needed == (default == "required"), f"{kind.__name__}.{name}"
    assert f"`API = {specs.API}`" in page


def unquoted(text):
    return re.sub("['\"]", "", text)


def test_every_protocol_is_documented_with_its_exact_signatures():
    page = re.sub(r"(?<=\()\n +|,?\n +(?=\))", "", unquoted(text_of("hooks.md")))  # a signature on one line
    for name, kind in vars(protocols).items():
        if not inspect.isclass(kind) or kind.__module__ != protocols.__name__ or dataclasses.is_dataclass(kind):
            continue
        block = page.partition(f"class {name}(")[2].partition("```")[0].partition("\nclass ")[0]
        for method, value in vars(kind).items():
            if method.startswith("_") or not (callable(value) or isinstance(value, property)):
                continue
            function = value.fget if isinstance(value, property) else value
            assert f"def {method}{unquoted(str(inspect.signature(function)))}: ..." in block, f"{name}.{method}"


def test_every_field_of_what_protocols_exchange_is_documented():
    page = text_of("hooks.md")
    for module in (protocols, scene):
        for name, kind in vars(module).items():
            if dataclasses.is_dataclass(kind) and kind.__module__ == module.__name__:
                where = re.search(rf"`{name}`:? \(?(.*?)(\.|`[A-Z])", page.replace("\n", " "))
                described = page.partition(f"`{name}`")[2]
                assert where or described, name
                for field in dataclasses.fields(kind):
                    assert f"`{field.name}`" in page, f"{name}.{field.name}"
    for name in ("Editor", "ClassEditor"):
        assert hasattr(editing, name) and f"{name}`" in page


def test_every_annotation_type_and_field_of_records_is_documented():
    page = text_of("records.md")
    for kind in (model.Header, model.Decision, model.Outcome, model.Annotation, model.End):
        for field in msgspec.structs.fields(kind):
            if kind is not model.End:
                assert f"`{field.encode_name}`" in page, f"{kind.__name__}.{field.encode_name}"
    from trainset.plugins.specs import AnnotationSpec
    from trainset.workspace import Workspace

    for spec in Workspace().registry.all(AnnotationSpec):
        assert f"| `{spec.tag}` |" in page


def test_everything_in_the_kit_for_tests_is_documented():
    page = text_of("hooks.md").partition("## Testing a plugin")[2]
    for name in testing.__all__:
        assert f"`{name}" in page, name


def test_every_state_and_verdict_is_explained():
    page = text_of("concepts.md")
    for word in (*model.State.__args__, *model.Verdict.__args__):
        assert f"| `{word}` |" in page


def test_every_page_is_in_the_index():
    listed = re.findall(r"\]\((\w+\.md)\)", text_of("README.md"))
    assert {page.name for page in DOCS.glob("*.md")} == {"README.md", *listed}


# -- the pages themselves -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{page}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", found.read_text(encoding="utf-8"), re.M)
            slugs = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
            assert anchor in slugs, f"{page}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_names_no_registry_and_no_place_of_a_machine(page):
    text = page.read_text(encoding="utf-8")
    assert not REGISTRY.search(text)
    assert not MACHINE.search(text)


# -- the examples -------------------------------------------------------------------------------------------------


def verifier():
    spec = importlib.util.spec_from_file_location("verify_chain", ROOT / "examples" / "verify_chain.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.verify


def test_a_stranger_s_verifier_agrees_with_a_dataset(parts):
    verify = verifier()
    files = sorted((parts.cwd / "labels").rglob("*.jsonl"))
    assert len(files) == 5
    for file in files:
        data = file.read_bytes()
        header, first, *rest = data.splitlines(keepends=True)
        assert verify(data) == ""
        assert verify(b"".join((header, first.replace(b'"item"', b'"Item"'), *rest)))
        assert verify(b"".join((header, *rest))), "a record is missing"
        assert verify(b"".join((header, rest[0], first, *rest[1:]))), "two changed places"
        assert verify(b"".join((header.replace(b'"started":"2', b'"started":"1'), first, *rest))), "another header"
        assert verify(data + first), "added to a sealed file"


def test_the_file_shown_in_the_page_of_records_is_sound():
    shown = re.search(r'^```json\n(\{"trainset":1.*?\{"end":true.*?\n)```', text_of("records.md"), re.M | re.S)[1]
    assert verifier()(shown.encode()) == ""
    assert verifier()(shown.replace("half hidden", "all hidden").encode())


def test_the_example_of_a_plugin_works(parts, monkeypatch):
    page = text_of("hooks.md")
    toml, code = (re.search(rf"`{name}`:\n\n```\w+\n(.*?)```", page, re.S)[1] for name in
                  ("pyproject.toml", "trainset_elongated.py"))  # fmt: skip
    project = tomllib.loads(toml)["project"]
    site = parts.cwd.parent / "site"
    info = site / "trainset_elongated-0.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = "".join(f"{k} = {v}\n" for k, v in project["entry-points"]["trainset"].items())
    (info / "entry_points.txt").write_text(f"[trainset]\n{points}")
    (site / "trainset_elongated.py").write_text(code)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "trainset_elongated", raising=False)
    assert "trainset-elongated 0.1\n  rule          elongated" in parts("trainset plugins")
    tests = {}
    exec(re.search(r"`test_elongated.py`:\n\n```python\n(.*?)```", page, re.S)[1], tests)  # the page's own example
    tests["test_it_keeps_the_contract"]()
    parts.insert("[tasks.parts.rules]\nelongated = { above = 2.5 }\n")
    assert re.search(r"person +elongated +\d+", parts("trainset route --dry-run"))
    assert "times as long as wide" in parts("trainset route --yes") + parts("cat trainset.toml") + code
