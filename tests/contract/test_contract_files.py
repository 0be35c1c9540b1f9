"""The committed stubs are those of the .proto files, and the house rules that no linter knows hold."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = sorted(
    path
    for folder in ("client", "server", "worker")
    for path in (ROOT / folder).rglob("*.py")
)  # fmt: skip
FORBIDDEN = {
    "server/goldenpart/server/vision": ("grpc", "goldenpart.v1", *(f"goldenpart.server.{part}" for part in ("api", "runtime", "registry"))),
    "server/goldenpart/server/registry": ("grpc", "goldenpart.v1", "goldenpart.server.api", "goldenpart.server.runtime"),
    "server/goldenpart/server/runtime": ("grpc", "goldenpart.v1", "goldenpart.server.api"),
    "server/": ("pika", "goldenpart.worker", "goldenpart.client"),
    "worker/": ("goldenpart.server", "torch", "faiss"),
    "client/": ("goldenpart.server", "goldenpart.worker", "torch", "faiss", "pika"),
}  # fmt: skip
LONGEST_BODY = 60
LONGEST_MODULE = 300


def test_stubs_match_the_proto_files(tmp_path: Path) -> None:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}  # protoc-gen-mypy_grpc lies there
    program = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    program += f"from pathlib import Path; import regenerate_stubs; regenerate_stubs.regenerate(Path({str(tmp_path)!r}))"
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True)
    made = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*_pb2*")}
    kept = {path.relative_to(ROOT / "proto"): path.read_text() for path in (ROOT / "proto").rglob("*_pb2*") if path.suffix != ".pyc"}
    assert made.keys() == kept.keys()
    drifted = [str(path) for path in made if made[path] != kept[path]]
    assert not drifted, f"run `make proto`: {drifted}"


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_keeps_the_house_rules(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert text.count("\n") <= LONGEST_MODULE
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    assert [node.name for node in functions if body_lines(node) > LONGEST_BODY] == []
    name = path.relative_to(ROOT).as_posix()
    banned = {module for prefix, modules in FORBIDDEN.items() if name.startswith(prefix) for module in modules}
    reached = [module for module in imported(tree) if any(module == each or module.startswith(f"{each}.") for each in banned)]
    assert reached == [], "dependencies point one way; see DESIGN"


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def imported(tree: ast.AST) -> list[str]:
    modules = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            modules += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return modules
