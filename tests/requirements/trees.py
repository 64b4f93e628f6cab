"""Random requirements as trees, their text in many spellings, and random facts."""

from hypothesis import strategies as st

from ants_coord.requirements import Facts, facts_of

NUMBERS = ("n", "m")
TEXTS = ("region", "os")
FLAGS = ("free", "spot")
SKILLS = ("gpu", "doc", "doc.parse", "doc.parse.pdf", "python")
WORDS = ("eu", "us", "it's", 'a "b"')
VERSIONS = ("3.9", "3.10", "3.10.2", "3.11.0", "4")

numbers = st.sampled_from((-1, 0, 1, 2, 2.5, 3, 16))


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


tests = st.one_of(
    st.sampled_from(SKILLS),
    st.tuples(st.sampled_from(NUMBERS), st.sampled_from(("==", "!=", "<", "<=", ">", ">=")), numbers).map(
        lambda t: f"{t[0]} {t[1]} {t[2]}"
    ),
    st.tuples(numbers, st.sampled_from(("==", "!=", "<", "<=", ">", ">=")), st.sampled_from(NUMBERS)).map(
        lambda t: f"{t[0]}{t[1]}{t[2]}"
    ),
    st.tuples(st.sampled_from(TEXTS), st.sampled_from(("==", "!=")), st.sampled_from(WORDS)).map(
        lambda t: f"{t[0]} {t[1]} {quoted(t[2])}"
    ),
    st.tuples(st.sampled_from(FLAGS), st.sampled_from(("==", "!=")), st.sampled_from(("true", "false"))).map(" ".join),
    st.sampled_from(FLAGS),
    st.tuples(st.sampled_from(TEXTS), st.sets(st.sampled_from(WORDS), min_size=1)).map(
        lambda t: f"{t[0]} in {{{', '.join(quoted(word) for word in sorted(t[1]))}}}"
    ),
    st.tuples(st.sampled_from(NUMBERS), st.sets(numbers, min_size=1)).map(
        lambda t: f"{t[0]} not in [{', '.join(map(str, sorted(t[1])))}]"
    ),
    st.tuples(st.sampled_from(("", "==", "!=", "<", "<=", ">", ">=")), st.sampled_from(VERSIONS)).map(
        lambda t: f"python:{t[0]}{t[1]}"
    ),
    st.sampled_from(("true", "false")),
)  # fmt: skip

# ("test", text), ("not", tree), ("and" | "or", [trees])
trees = st.recursive(
    tests.map(lambda text: ("test", text)),
    lambda inner: st.one_of(
        inner.map(lambda tree: ("not", tree)),
        st.tuples(st.sampled_from(("and", "or")), st.lists(inner, min_size=2, max_size=4)),
    ),
    max_leaves=10,
)


def text_of(tree):
    kind, body = tree
    if kind == "test":
        return body
    if kind == "not":
        return f"not ({text_of(body)})"
    return f" {kind} ".join(f"({text_of(one)})" for one in body)


facts = st.builds(
    lambda skills, versions, n, t, f: facts_of(
        [*skills, *[f"python:{version}" for version in versions]], {**n, **t, **f}
    ),
    st.sets(st.sampled_from(SKILLS)),
    st.sets(st.sampled_from(VERSIONS), max_size=2),
    st.dictionaries(st.sampled_from(NUMBERS), st.one_of(numbers, st.sampled_from(WORDS))),
    st.dictionaries(st.sampled_from(TEXTS), st.one_of(st.sampled_from(WORDS), numbers)),
    st.dictionaries(st.sampled_from(FLAGS), st.booleans()),
)


def naive(tree, known: Facts, test):
    """Kleene's tables, one test at a time; `test` judges a single test."""
    kind, body = tree
    if kind == "test":
        return test(body, known)
    if kind == "not":
        found = naive(body, known, test)
        return None if found is None else not found
    found = [naive(one, known, test) for one in body]
    if kind == "and":
        return False if False in found else None if None in found else True
    return True if True in found else None if None in found else False
