"""Imports point one way: between the folders of remdm/, and between the roles inside a domain; nowhere a circle."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
ORDER = (
    "paths", "limits", "later", "sampling", "models", "hub", "runs", "training", "serving", "views", "evaluation",
    "app", "domains", "studies", "cli", "__main__",
)  # fmt: skip
ROLES = ("domain", "train", "measure", "tab")
"""Of a domain's modules, in the order in which they may import each other; any other module stands before `domain`
unless it imports one of them."""
FILES = sorted(ROOT.glob("remdm/**/*.py"))
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in FILES}


@cache
def imported(module):
    """Full names of all modules that a module imports: at its top, inside functions, and for types alone."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in names}
    return found


def roots(module):
    return {name.split(".")[0] for name in imported(module)}


def own(module):
    """The modules of this project that a module imports."""
    return {name for name in imported(module) if name in MODULES and name != module} - {"remdm"}


def folder(module):
    return module.split(".")[1]


INSIDE = [name for name in MODULES if name != "remdm"]


def test_folders_import_only_what_stands_before_them():
    above = [
        f"{module} imports {name}"
        for module in INSIDE
        for name in own(module)
        if ORDER.index(folder(name)) > ORDER.index(folder(module))
    ]
    assert not above


def test_no_domain_imports_another_and_only_the_registry_names_them():
    wrong = []
    for module in INSIDE:
        parts = module.split(".")
        for name in own(module):
            found = name.split(".")
            if found[1] == "domains" and len(found) > 2 and found[2] != "registry":
                if parts[1] not in ("studies", "cli") and parts[:3] != found[:3]:
                    wrong.append(f"{module} imports {name}")
    assert not wrong


def test_roles_inside_a_domain_point_one_way():
    def role(module):
        return ROLES.index(last) if (last := module.split(".")[-1]) in ROLES else -1

    above = [
        f"{module} imports {name}"
        for module in INSIDE
        if folder(module) == "domains" and role(module) >= 0
        for name in own(module)
        if role(name) > role(module)
    ]
    assert not above


def test_there_is_no_circle():
    """Also none hidden in a function or under TYPE_CHECKING."""
    left = {module: own(module) for module in MODULES}
    while free := {module for module, needed in left.items() if not needed & left.keys()}:
        left = {module: needed for module, needed in left.items() if module not in free}
    assert not left, f"these import each other: {sorted(left)}"


def test_only_the_page_knows_gradio():
    def page(module):
        return folder(module) == "app" or (folder(module) == "domains" and module.endswith(".tab"))

    wrong = [module for module in INSIDE if not page(module) and roots(module) & {"gradio", "gradio_client", "fastapi"}]
    assert not wrong


SHOWN = {f"remdm.{name}" for name in ("later", "runs.tokens", "runs.trace", "runs.trace_file", "runs.untrusted")}


def test_what_is_shown_needs_no_network():
    for module in (name for name in MODULES if name.startswith("remdm.views.") or name in SHOWN):
        assert not roots(module) & {"torch", "transformers", "safetensors"}, module
        asked = {name for name in own(module) if not name.startswith("remdm.views.")}
        assert asked <= SHOWN | {"remdm.views"}, module


def test_the_order_names_what_there_is():
    assert {folder(module) for module in MODULES if module != "remdm"} == set(ORDER)


MOST_LINES = 300


def test_a_module_can_be_read_at_one_sitting():
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in MODULES.items()}
    assert not [name for name in INSIDE if lines[name] > MOST_LINES and not name.startswith("remdm.models")]
