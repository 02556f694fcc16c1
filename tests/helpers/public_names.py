"""What the package makes public."""

import inspect

import skmmgenre

MODULES = sorted(set(skmmgenre.__all__) - {"items", "load", "model_info", "save", "utils"})
MODULES += ["nets.targets", "utils.estimator_checks"]
BESIDE_THE_ROOMS = ["load", "model_info", "save"]


def public_objects(module):
    """Yield name and object of what a module makes public, methods of its classes included."""
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.ismodule(value):
            continue
        yield name, value
        if inspect.isclass(value):
            for attribute in dir(value):
                method = inspect.getattr_static(value, attribute)
                if not attribute.startswith("_") and is_ours(method):
                    yield f"{name}.{attribute}", method


def is_ours(method):
    function = inspect.unwrap(function_of(method))
    return inspect.isfunction(function) and function.__module__.startswith("skmmgenre")


def function_of(value):
    """Return the function of a method, class method, static method or property."""
    if isinstance(value, (classmethod, staticmethod)):
        return value.__func__
    return value.fget if isinstance(value, property) else value
