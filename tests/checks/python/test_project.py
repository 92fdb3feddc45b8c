"""The index of a project: who imports whom, and which tests a change can affect."""

import pytest

from l2mac.checks.python.project import ProjectIndex

FILES = {
    "shop/__init__.py": "",
    "shop/price.py": "RATE = 2\n\ndef price(n):\n    return n * RATE\n",
    "shop/cart.py": "from .price import price\n\nclass Cart:\n    def total(self):\n        return price(1)\n",
    "shop/plugins.py": "import importlib\n\ndef load(name):\n    return importlib.import_module(name)\n",
    "shop/lonely.py": "def alone():\n    return 1\n",
    "tests/test_price.py": "from shop.price import price\n",
    "tests/test_cart.py": "import shop.cart\n",
    "tests/test_strings.py": "TARGET = 'shop.lonely.alone'\n",
    "tests/test_script.py": "import subprocess\nARGUMENTS = ['python', 'shop/lonely.py']\n",
    "tests/test_plugins.py": "from shop import plugins\n",
    "tests/helpers.py": "def make():\n    return 1\n",
    "tests/with_helpers_test.py": "from helpers import make\n",
}


def project(files=FILES):
    return ProjectIndex().of(files)


@pytest.mark.parametrize(
    ("changed", "tests"),
    [
        ({"shop/price.py"}, ("tests/test_cart.py", "tests/test_plugins.py", "tests/test_price.py")),
        ({"shop/cart.py"}, ("tests/test_cart.py", "tests/test_plugins.py")),
        ({"shop/lonely.py"}, ("tests/test_plugins.py", "tests/test_script.py", "tests/test_strings.py")),
        ({"tests/helpers.py"}, ("tests/test_plugins.py", "tests/with_helpers_test.py")),
        ({"tests/test_cart.py"}, ("tests/test_cart.py", "tests/test_plugins.py")),
        ({"README.md"}, ()),
        ({"conftest.py"}, None),
        ({"tests/conftest.py"}, None),
        ({"requirements.txt"}, None),
        ({"pyproject.toml"}, None),
        ({"shop/data.json"}, None),
        ({"shop/price.py", "shop/table.csv"}, None),
    ],
)
def test_a_change_affects_the_tests_that_reach_it(changed, tests):
    # An import by a computed name may reach anything, so its tests always count.
    assert project().tests_affected(changed) == tests


def test_a_change_in_a_package_reaches_whoever_imports_from_it():
    affected = project().tests_affected({"shop/__init__.py"})
    assert set(affected) >= {"tests/test_price.py", "tests/test_cart.py"}


def test_deleting_a_module_affects_the_tests_that_still_import_it():
    files = {path: text for path, text in FILES.items() if path != "shop/price.py"}
    assert "tests/test_price.py" in project(files).tests_affected({"shop/price.py"})
    assert "shop/cart.py" in project(files).direct_dependants({"shop/price.py"})


def test_a_module_that_a_conftest_imports_affects_the_tests_beside_it():
    files = {"a.py": "", "one/conftest.py": "import a", "one/test_x.py": "", "two/test_y.py": ""}
    assert project(files).tests_affected({"a.py"}) == ("one/test_x.py",)


def test_prose_affects_tests_only_when_some_file_names_it():
    files = {"test_docs.py": "open('README.md')", "README.md": "hello"}
    assert project(files).tests_affected({"README.md"}) is None


def test_dependants_are_transitive_and_direct_ones_are_not():
    assert project().dependants({"shop/price.py"}) == {"shop/cart.py", "tests/test_cart.py", "tests/test_price.py"}
    assert project().direct_dependants({"shop/price.py"}) == {"shop/cart.py", "tests/test_price.py"}


def test_dependencies_include_the_packages_on_the_way():
    assert project().dependencies("tests/test_cart.py") == {
        "tests/test_cart.py",
        "shop/__init__.py",
        "shop/cart.py",
        "shop/price.py",
    }


def test_modules_under_src_have_their_importable_name():
    made = project({"src/pkg/__init__.py": "", "src/pkg/a.py": "", "tests/test_a.py": "from pkg import a"})
    assert "pkg.a" in made.module_names("src/pkg/a.py")
    assert made.owns("pkg") and not made.owns("src") and not made.owns("requests")
    assert made.tests_affected({"src/pkg/a.py"}) == ("tests/test_a.py",)


def test_a_cycle_of_imports_ends():
    files = {"a.py": "import b", "b.py": "import a", "test_a.py": "import a"}
    assert project(files).tests_affected({"b.py"}) == ("test_a.py",)


def test_a_module_named_like_a_standard_one_is_not_mistaken_for_it():
    files = {"pkg/__init__.py": "", "pkg/json.py": "", "test_x.py": "import json"}
    assert project(files).tests_affected({"pkg/json.py"}) == ()


def test_a_file_that_does_not_parse_may_depend_on_anything():
    assert project({"a.py": "", "test_broken.py": "def ("}).tests_affected({"a.py"}) == ("test_broken.py",)


def test_unchanged_files_are_not_parsed_again():
    index = ProjectIndex()
    first = index.of(FILES)
    second = index.of(FILES | {"shop/price.py": "import json\n"})
    assert second.facts["shop/cart.py"] is first.facts["shop/cart.py"]
    assert second.facts["shop/price.py"].imports[0].module == "json"


def test_definitions_are_found_by_name():
    made = project()
    assert [path for path, _ in made.classes["Cart"]] == ["shop/cart.py"]
    ((_, total),) = made.functions["total"]
    assert (total.owner, total.positional, total.parameters) == ("Cart", 1, {"self"})
