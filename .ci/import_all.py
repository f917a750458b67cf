"""Import every module of the packages that are named, from where they are installed."""

import sys
from importlib import import_module
from pkgutil import walk_packages

for name in sys.argv[1:]:
    package = import_module(name)
    assert "site-packages" in str(package.__file__), f"{name} is not the installed one: {package.__file__}"
    count = 0
    for module in walk_packages(package.__path__, f"{name}."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
            count += 1
    print(f"{name}: {count} modules imported")
