"""
Classes like those of attrs that cost nothing until they are used: values, messages, errors, rows.

attrs writes and compiles the methods of a class when the class is defined. That takes half a millisecond per
class, and there are a hundred and fifty classes: most of an import, and most of the time of a hook that runs
for one lock. Here a class gets its slots at once, and each method when it is first called. Code that asks
attrs about such a class (`attrs.fields`, `evolve`, `asdict`, `has`; cattrs, hypothesis) gets attrs' own
answer, which attrs computes at that moment; until then attrs is not even imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from attrs import define as entity
    from attrs import define as problem
    from attrs import define as record
    from attrs import evolve, field, fields, frozen, has
    from attrs import field as taking
    from attrs import frozen as quick

__all__ = [
    "as_dict",
    "blank",
    "entity",
    "evolve",
    "field",
    "fields",
    "filler",
    "frozen",
    "has",
    "maker",
    "problem",
    "quick",
    "record",
    "refuse_unknown",
    "sparse",
    "taking",
    "twins",
]

_set = object.__setattr__
_V = TypeVar("_V")
_C = TypeVar("_C", bound=type)


class _Nothing:
    """The default of a field that has none, like attrs.NOTHING."""

    def __repr__(self) -> str:
        return "NOTHING"


_NOTHING: Any = _Nothing()


class _Field:
    """The description of one field of a class; the names are those of attrs."""

    __slots__ = ("default", "eq", "factory", "init", "kw_only", "metadata", "name", "repr", "type")

    def __init__(
        self,
        *,
        default: Any = _NOTHING,
        factory: Callable[[], Any] | None = None,
        init: bool = True,
        eq: bool = True,
        repr: bool = True,  # noqa: A002 - attrs' name
        kw_only: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self.name = self.type = ""
        self.default, self.factory, self.init, self.kw_only = default, factory, init, kw_only
        self.eq, self.repr, self.metadata = eq, repr, metadata or {}

    @property
    def is_required(self) -> bool:
        """Whether a constructor call must give it."""
        return self.default is _NOTHING and self.factory is None

    def as_attrs(self, say: Callable[..., Any]) -> Any:
        """Return the same description as an attrs field."""
        given = {
            name: getattr(self, name) for name in ("init", "eq", "repr", "kw_only", "metadata", "factory")
        }
        return say(**given) if self.default is _NOTHING else say(**given, default=self.default)


if not TYPE_CHECKING:
    field = _Field

    def taking(*, converter: object, **options: Any) -> Any:
        """
        Return a field that accepts more types than it stores: a list for a tuple, a timedelta for seconds.

        The converter only tells type checkers what the constructor accepts. Each class checks and converts by
        itself, with an error that names the field, and saves a call per field.
        """
        return _Field(**options)


# -- the kinds of classes -------------------------------------------------------------------------------

if not TYPE_CHECKING:

    def frozen(cls: _C) -> _C:
        """Make a class of values that do not change, as `attrs.frozen` does."""
        return _made(cls, _FROZEN, _frozen_initializer, "__weakref__")

    def quick(cls: _C) -> _C:
        """
        Make such a class without weak references, which cost eight bytes: for values that every cycle makes.
        """
        return _made(cls, _FROZEN, _frozen_initializer)

    def sparse(*kept: str) -> Callable[[Any], Any]:
        """
        Make a frozen class whose usual values only have slots for a few fields.

        The class holds the defaults of the other fields, so a usual value need not store them. A value with
        more fields belongs to a subclass that looks the same, with slots for all. The class makes its values
        in its own `__new__`, with the help of `twins`.
        """

        def make(cls: Any) -> Any:
            every = _fields_said(cls)
            names = [each.name for each in every]
            own = (*names, "__dict__", "__weakref__")
            body = {name: value for name, value in cls.__dict__.items() if name not in own}
            about = {"__qualname__": cls.__qualname__, "__module__": cls.__module__, "__layout__": every}
            body |= about | {each.name: each.default for each in every if each.name not in kept}
            body |= {
                "__slots__": kept, "__match_args__": tuple(names[:1]), "__signature__": _FieldsAsSignature(),
                "__eq__": _Later(_equality), "__hash__": _Later(_hashing), "__repr__": _shown,
                "__setattr__": _refuse_change, "__delattr__": _refuse_change, "__replace__": _replaced,
            }  # fmt: skip
            plain = type(cls)(cls.__name__, cls.__bases__, body)
            plain.__attrs_attrs__ = _AskedOfAttrs(plain, every)
            rest = {"__slots__": tuple([name for name in names if name not in kept]), **about}
            plain._full = type(cls)(cls.__name__, (plain,), rest)  # noqa: SLF001 - read by `twins`
            return plain

        return make

    def record(cls: _C) -> _C:
        """Make a class with slots, compared by its fields, as `attrs.define` does."""
        return _made(cls, {"__eq__": _equality, "__hash__": None}, _initializer)

    def entity(cls: _C) -> _C:
        """Make a class with slots whose instances are compared by identity: `attrs.define(eq=False)`."""
        return _made(cls, {}, _initializer, "__weakref__")

    def problem(cls: _C) -> _C:
        """Make an exception with fields, those of its bases first, as `attrs.define(eq=False)` does."""
        known = {each.name: each for one in reversed(cls.__mro__[:-3]) for each in _fields_said(one)}
        every = tuple(known.values())
        cls.__match_args__ = tuple(known)
        cls.__layout__ = every
        cls.__attrs_attrs__ = _AskedOfAttrs(cls, every)
        cls.__init__ = later = _Later(_raising_initializer)
        later.__set_name__(cls, "__init__")
        return cls


def _made(cls: Any, methods: dict[str, Any], initializer: Callable[..., Any], *slots: str) -> Any:
    """Return a copy of the class with slots, which cannot be added to an existing class."""
    every = _fields_said(cls)
    names = [each.name for each in every]
    body = {
        name: value for name, value in cls.__dict__.items() if name not in (*names, "__dict__", "__weakref__")
    }
    body |= {
        "__qualname__": cls.__qualname__,
        "__slots__": (*names, *slots),
        "__match_args__": tuple([each.name for each in every if each.init and not each.kw_only]),
        "__layout__": every,
        "__attrs_init__" if "__init__" in cls.__dict__ else "__init__": _Later(initializer),
        "__replace__": _replaced,
    }
    for name, method in {"__repr__": _shown, **methods}.items():
        if name not in cls.__dict__:  # methods that a class defines itself stay, as with attrs
            body[name] = _Later(method) if method in (_equality, _hashing) else method
    made: Any = type(cls)(cls.__name__, cls.__bases__, body)
    made.__attrs_attrs__ = _AskedOfAttrs(made, every)
    return made


def _fields_said(cls: type) -> tuple[_Field, ...]:
    found = []
    for name, text in cls.__dict__.get("__annotations__", {}).items():  # noqa: RUF063 - inspect takes 4 ms
        said = cls.__dict__.get(name, _NOTHING)
        one = said if said.__class__ is _Field else _Field(default=said)
        one.name, one.type = name, text
        found.append(one)
    return tuple(found)


class _Later:
    """A method that is made at its first use, and then replaces this object."""

    __slots__ = ("_make", "_name", "_owner")

    def __init__(self, make: Callable[[Any, tuple[_Field, ...]], Any]) -> None:
        self._make = make

    def __set_name__(self, owner: Any, name: str) -> None:
        self._owner, self._name = owner, name

    def __get__(self, instance: Any, owner: Any) -> Any:
        method = self._make(self._owner, self._owner.__layout__)
        # on the class that defined it, not the one it was looked up on, which may be a subclass
        setattr(self._owner, self._name, method)
        return method.__get__(instance, owner)


class _AskedOfAttrs:
    """What attrs knows about a class; attrs is asked when somebody first looks."""

    __slots__ = ("_cls", "_every", "_known")

    def __init__(self, cls: type, every: tuple[_Field, ...]) -> None:
        self._cls, self._every, self._known = cls, every, None

    def __get__(self, instance: object, owner: type) -> Any:
        if self._known is None:
            import attrs  # noqa: PLC0415 - see above

            body: dict[str, Any] = {each.name: each.as_attrs(attrs.field) for each in self._every}
            body["__annotations__"] = {each.name: each.type for each in self._every}
            body["__module__"] = self._cls.__module__
            # without the bases of the class, which would record the twin as one more subclass
            twin: Any = attrs.define(type(self._cls.__name__, (), body), eq=False)
            self._known = twin.__attrs_attrs__
        return self._known


class _Signature:
    """The signature of a frozen class, without the names that its constructor takes only to refuse them."""

    __slots__ = ()

    def __get__(self, instance: object, owner: Any) -> Any:
        import inspect  # noqa: PLC0415 - 4 ms, for tools that look at functions

        whole = inspect.signature(owner.__init__)
        own = [each for each in whole.parameters.values() if each.kind is not each.VAR_KEYWORD]
        return whole.replace(parameters=own[1:])


class _FieldsAsSignature:
    """The signature of a sparse class: all its fields."""

    __slots__ = ()

    def __get__(self, instance: object, owner: Any) -> Any:
        from inspect import Parameter, Signature  # noqa: PLC0415 - 4 ms, for tools that look at functions

        placed, named = Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY
        return Signature(
            [
                Parameter(each.name, named if each.kw_only else placed, default=each.default)
                for each in owner.__layout__
                if each.init
            ]
        )


# -- their methods ----------------------------------------------------------------------------------------


def _compiled(text: str, known: dict[str, Any], cls: Any) -> Any:
    exec(text, known)  # noqa: S102 - as attrs does it; the text is made from field names
    made = known[text[4 : text.index("(")]]
    made.__qualname__ = f"{cls.__qualname__}.{made.__name__}"
    made.__module__ = cls.__module__
    return made


def _parameters(every: tuple[_Field, ...], known: dict[str, Any]) -> tuple[str, list[str]]:
    """Return the parameters of a constructor, and the lines that store them."""
    given, lines = ["self"], []
    for each in every:
        name, made = each.name, f"default_{each.name}"
        known[made] = each.default if each.factory is None else each.factory
        value = f"{made}() if {name} is NOTHING else {name}" if each.factory else name
        if not each.init:
            value = f"{made}()" if each.factory else made
        lines.append(f"    self.{name} = {value}")
        if each.init:
            if each.kw_only and "*" not in given:
                given.append("*")
            default = "NOTHING" if each.factory else made
            given.append(name if each.is_required else f"{name}={default}")
    return ", ".join(given), lines


def _initializer(cls: Any, every: tuple[_Field, ...]) -> Any:
    known: dict[str, Any] = {"NOTHING": _NOTHING}
    given, lines = _parameters(every, known)
    return _annotated([f"def __init__({given}):", *(lines or ["    pass"])], known, cls, every)


def _raising_initializer(cls: Any, every: tuple[_Field, ...]) -> Any:
    known: dict[str, Any] = {"raised": BaseException.__init__}
    given, lines = _parameters(every, known)
    # pickling, and tracebacks of exception groups, use the arguments
    ends = f"    raised({', '.join(['self', *[each.name for each in every]])})"
    return _annotated([f"def __init__({given}):", *lines, ends], known, cls, every)


def _frozen_initializer(cls: Any, every: tuple[_Field, ...]) -> Any:
    """
    Return the __init__ of a frozen class: a single function, where attrs would call two more.

    attrs fills a frozen instance through object.__setattr__, at 50 ns per field. Here an instance becomes its
    writable twin (a class with the same slots), is filled by plain stores, checked by `_check`, and becomes
    frozen by one class assignment. Nothing else touches the twin: `__attrs_post_init__` sees the frozen
    value, as with attrs. Unknown names are accepted too, in order to refuse them with the field that was
    probably meant.
    """
    known: dict[str, Any] = {
        "become": _set, "writable": _writable(cls), "frozen": cls, "NOTHING": _NOTHING,
        "refuse": refuse_unknown,
    }  # fmt: skip
    given, lines = _parameters(every, known)
    text = [f"def __init__({given}, **unknown):", "    if unknown: refuse(frozen, unknown)"]
    text += ['    become(self, "__class__", writable)', *lines]
    if "_check" in cls.__dict__:
        known["check"] = cls.__dict__["_check"]
        text.append("    check(self)")
    text.append("    self.__class__ = frozen")
    if "__attrs_post_init__" in cls.__dict__:
        text.append("    self.__attrs_post_init__()")
    return _annotated(text, known, cls, every)


def _annotated(text: list[str], known: dict[str, Any], cls: Any, every: tuple[_Field, ...]) -> Any:
    made = _compiled("\n".join(text), known, cls)
    made.__annotations__ = {each.name: each.type for each in every if each.init} | {"return": "None"}
    return made


def _writable(cls: Any) -> Any:
    # all must be object's own: only then does CPython make one, and store into it, without calling the class
    plain = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(cls.__name__, (cls,), plain | {"__init__": object.__init__})


def refuse_unknown(kind: type, unknown: Iterable[str]) -> None:
    """Raise TypeError with the field that was probably meant."""
    import difflib  # noqa: PLC0415 - only mistakes need it

    names = [each.name for each in kind.__layout__ if each.init]  # type: ignore[attr-defined]
    name = next(iter(unknown))
    close = difflib.get_close_matches(name, names, 1)
    way = f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}"
    raise TypeError(f"{kind.__name__} has no field {name}; {way}")


def _equality(cls: Any, every: tuple[_Field, ...]) -> Any:
    same = " and ".join([f"self.{each.name} == other.{each.name}" for each in every if each.eq]) or "True"
    text = "def __eq__(self, other):\n    if other.__class__ is not self.__class__: return NotImplemented\n"
    return _compiled(f"{text}    return {same}", {}, cls)


def _hashing(cls: Any, every: tuple[_Field, ...]) -> Any:
    parts = "".join([f"self.{each.name}, " for each in every if each.eq])
    return _compiled(
        f"def __hash__(self):\n    return hash((kind, {parts}))", {"kind": cls.__qualname__}, cls
    )


@recursive_repr()
def _shown(self: Any) -> str:
    fields = [f"{each.name}={getattr(self, each.name)!r}" for each in self.__layout__ if each.repr]
    return f"{self.__class__.__qualname__.rpartition('>.')[2]}({', '.join(fields)})"


def _kept(self: Any) -> dict[str, Any]:
    return {each.name: getattr(self, each.name) for each in self.__layout__}


def _restored(self: Any, state: dict[str, Any]) -> None:
    for name, value in state.items():
        _set(self, name, value)


def _replaced(self: Any, /, **changes: Any) -> Any:
    for each in self.__layout__:
        if each.init and each.name not in changes:
            changes[each.name] = getattr(self, each.name)
    return self.__class__(**changes)


def _refuse_change(self: Any, name: str, value: object = None) -> None:
    from attrs.exceptions import FrozenInstanceError  # noqa: PLC0415 - see above

    raise FrozenInstanceError


_FROZEN = {
    "__eq__": _equality, "__hash__": _hashing, "__getstate__": _kept, "__setstate__": _restored,
    "__setattr__": _refuse_change, "__delattr__": _refuse_change, "__signature__": _Signature(),
}  # fmt: skip


def twins(plain: Any) -> tuple[Any, Any, Any]:
    """Return the writable twins of a `sparse` class, plain and full, and the class of full values."""
    full = plain._full  # noqa: SLF001 - set by `sparse`
    return _writable(plain), _writable(full), full


def filler(plain: Any) -> tuple[Callable[..., None], Callable[[Any], bool]]:
    """Return a function that sets what a `sparse` class leaves out, and one that tells if all is usual."""
    left = tuple([each for each in plain.__layout__ if each.name not in plain.__slots__])
    known: dict[str, Any] = {"NOTHING": _NOTHING}
    given, lines = _parameters(left, known)
    fill = _compiled("\n".join([f"def fill({given}):", *lines]), dict(known), plain)
    same = " and ".join([f"self.{each.name} == default_{each.name}" for each in left if each.init])
    return fill, _compiled(f"def is_usual(self):\n    return {same}", known, plain)


def blank(value: type) -> Callable[[], Any]:
    """
    Return a function that makes an empty frozen value, which is filled in place and then given its class.

    It saves a call compared with `maker`, for the one place that makes most values of a class.
    """
    return _writable(value)  # type: ignore[no-any-return]


def maker(value: type[_V]) -> Callable[..., _V]:
    """
    Return a function that makes a `quick` value without checks, all fields given, in order.

    This is for the three values that the core makes in every cycle; it takes half the time of the class
    itself.
    """
    names = [each.name for each in value.__layout__]  # type: ignore[attr-defined]
    text = [
        f"def make({', '.join(names)}):",
        "    made = new(writable)",
        *[f"    made.{name} = {name}" for name in names],
        "    made.__class__ = frozen",
        "    return made",
    ]
    known = {"new": object.__new__, "writable": _writable(value), "frozen": value}
    return _compiled("\n".join(text), known, value)  # type: ignore[no-any-return]


# -- what attrs offers, without attrs where the class is ours -------------------------------------------

if not TYPE_CHECKING:

    def fields(cls: type) -> tuple[Any, ...]:
        """Return the fields of a class, as `attrs.fields` does."""
        ours = cls.__dict__.get("__layout__")
        if ours is None:
            import attrs  # noqa: PLC0415 - see above

            return attrs.fields(cls)
        return ours

    def has(cls: type) -> bool:
        """Tell whether a class has such fields, as `attrs.has` does."""
        return hasattr(cls, "__layout__") or hasattr(cls, "__attrs_attrs__")

    def evolve(value: Any, **changes: Any) -> Any:
        """Return a copy with these fields changed, as `attrs.evolve` does."""
        return _replaced(value, **changes)


def as_dict(value: Any) -> dict[str, Any]:
    """Return the fields of a value by name, as `attrs.asdict(recurse=False)` does."""
    return {each.name: getattr(value, each.name) for each in fields(value.__class__)}
