"""Names, the entities that bear them, and the categories of these."""

import os
from collections.abc import Iterable
from typing import Any, Self

from ..._typing import FilePath
from ._form_key import form_keys
from ._kb_build import ROLES, KnowledgeBaseBuild
from ._kb_file import KnowledgeBaseFile
from ._titles import as_name


class KnowledgeBase:
    """Names of things, the entities that bear them, and the categories of these entities.

    Read from a file that `build` makes of DBpedia or Wikipedia dumps. The file is used where it
    lies, and all processes share one copy, that in the system's cache.

    Parameters
    ----------
    path : str or path-like
        Of the file. It is opened, and its checksums are compared, when it is first used; `open`
        does so at once.

    See Also
    --------
    GazetteerLinker : Finds the entities of a knowledge base in a text.

    Notes
    -----
    A pickle holds the path as it was given, and nothing of the content. The object itself never
    changes, so a copy of it is the same object.

    A damaged file is refused. Each process compares the checksums of a file once, and again when
    the file has changed. Replace a file that is in use by renaming the new one to its name, as
    `build` does: a process that reads a file while it is being written over may be killed by the
    system (SIGBUS).

    A form is looked up without regard to case, diacritics and most punctuation: "motörhead",
    "AC DC" and "Guns N’ Roses" are the same as "Motorhead", "AC/DC" and "Guns N' Roses".

    Examples
    --------
    >>> import tempfile
    >>> from skmmgenre.text import KnowledgeBase
    >>> folder = tempfile.TemporaryDirectory()
    >>> records = [
    ...     ("Yes_(band)", ["Yes (band)"], ["English rock bands"], 89),
    ...     ("Yes_(Alvin_Slaughter_album)", ["Yes (Alvin Slaughter album)"], ["2010 albums"], 9),
    ... ]
    >>> kb = KnowledgeBase.build(f"{folder.name}/small.kb", records=records)
    >>> kb.candidates("YES")
    [('Yes_(band)', 0.9), ('Yes_(Alvin_Slaughter_album)', 0.1)]
    >>> kb.categories("Yes_(band)")
    ('English rock bands',)
    >>> del kb
    >>> folder.cleanup()
    """

    def __init__(self, path: FilePath):
        self.path = path
        self._opened = None

    @classmethod
    def open(cls, path: FilePath, *, verify: bool = True) -> Self:
        """Open the file of a knowledge base.

        Parameters
        ----------
        path : str or path-like
            What `build` wrote.
        verify : bool, default=True
            Read the whole file and compare its checksums, even if this process has done so
            before. False trusts the file until it changes; the answers of a damaged one are
            wrong, or the process dies.

        Returns
        -------
        kb : KnowledgeBase
            The opened knowledge base.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is not a knowledge base, damaged, cut off, or made by another version.
        """
        kb = cls(path)
        kb._open(verify=verify)
        return kb

    @classmethod
    def build(
        cls,
        path: FilePath,
        *,
        labels: FilePath | list[Any] | tuple[Any, ...] = (),
        redirects: FilePath | list[Any] | tuple[Any, ...] = (),
        categories: FilePath | list[Any] | tuple[Any, ...] = (),
        links: FilePath | list[Any] | tuple[Any, ...] = (),
        records: Iterable[tuple[str, list[str], list[str], int]] = (),
        predicates: dict[str, str] | None = None,
        label_predicates: Iterable[str] | None = None,
        language: str | None = None,
        left_out_qualifiers: Iterable[str] = ("disambiguation",),
        verbose: int = 0,
    ) -> Self:
        """Make the file of a knowledge base from dumps, and open it.

        Dumps are read in a stream: N-Triples, N-Quads, Turtle, or tables of two or three columns
        (subject, predicate if there are three, object) with tabs between them and no header;
        plain, gz or bz2. Each of them is one file or a list of files.

        Parameters
        ----------
        path : str or path-like
            Of the file to make; one that is there is replaced at the end. About four times the
            size of the unpacked names is needed beside it while it is built.
        labels : path or list of paths, default=()
            Titles of entities. They say what is an entity; without them it is what `categories`
            and `links` speak of, by its name.
        redirects : path or list of paths, default=()
            Names that lead to an entity. Their titles become forms of it.
        categories : path or list of paths, default=()
            Categories of entities.
        links : path or list of paths, default=()
            Links between pages. How often an entity is linked to is its prior.
        records : iterable of (entity, forms, categories, prior), default=()
            Of a catalogue in memory: a name, two lists of str, a count of 0 or more. The title
            is one of the forms.
        predicates : dict of str to str, default=None
            Of the dumps of categories and links only statements with these predicates are
            read (the whole IRI, or what is behind its last slash). A category is the object's
            title behind the text given here and a colon: with ``{"recordLabel": "record
            label"}`` it is "record label: Blue Note Records". An empty text leaves the colon
            out. None reads all.
        label_predicates : iterable of str, default=None
            Of the dumps of labels only statements with these predicates, and a text behind
            them, are read. None stands for label, name, title, alias, prefLabel and altLabel.
            A table of two columns has no predicate and is read whole.
        language : str, default=None
            Leave out labels marked as of another language.
        left_out_qualifiers : iterable of str, default=("disambiguation",)
            Leave out entities with this in brackets behind their title.
        verbose : int, default=0
            1 shows progress.

        Returns
        -------
        kb : KnowledgeBase
            The opened knowledge base.

        Raises
        ------
        ValueError
            If a dump is damaged, cut off or in no known format, a predicate does not occur,
            a record makes no sense, or no entity is found. The file that was there before is
            left as it was.
        """
        dumps = dict(zip(ROLES, map(_as_list, (labels, redirects, categories, links)), strict=True))
        if predicates and not (dumps["categories"] or dumps["links"]):
            raise ValueError(
                "predicates= says what is read of the dumps of categories and links, and there "
                "are none. Leave it out."
            )
        building = KnowledgeBaseBuild(
            predicates=predicates,
            label_predicates=label_predicates,
            language=language,
            left_out_qualifiers=left_out_qualifiers,
            verbose=verbose,
        )
        building.write(path, dumps, records)
        return cls.open(path, verify=False)

    def info(self) -> dict[str, Any]:
        """Tell what is in the file.

        Returns
        -------
        info : dict
            How many entities, forms, categories, category_links (an entity and a category of
            it) and links (between pages, as counted for the priors) there are; bytes, the
            size of the file; sources, the role and name of each dump; left_out, a reason and
            how often it was met; most_words, those of the longest form; format; version, that of
            the package that built it.
        """
        manifest = dict(self.content.manifest)
        del manifest["byteorder"], manifest["sizes"]
        return {**manifest, "bytes": os.path.getsize(self.path)}

    def candidates(self, form: str) -> list[tuple[str, float]]:
        """Entities that bear a name.

        Parameters
        ----------
        form : str
            A name as it stands in a text; case and accents do not matter.

        Returns
        -------
        candidates : list of (str, float)
            Entity and prior, the most probable first: its share of the links to all of them,
            each counted once more. The priors add up to 1.
        """
        keys, content = form_keys(form), self.content
        number = content.forms.get(keys[0]) if keys else None
        if number is None:
            return []
        found = content.candidates_of(content.form_entity(number))
        total = sum(count + 1 for _, count in found)
        return [(content.entity_name(entity), (count + 1) / total) for entity, count in found]

    def categories(self, entity: str) -> tuple[str, ...]:
        """Categories of an entity.

        Parameters
        ----------
        entity : str
            Its name, with underscores or spaces.

        Returns
        -------
        categories : tuple of str
            Without the prefix "Category:", with spaces. Empty if it has none, or is not known.
        """
        content = self.content
        number = content.entities.get(as_name(entity).encode())
        if number is None:
            return ()
        return tuple(map(content.category_name, content.categories_of(number)))

    def __contains__(self, entity):
        return self.content.entities.get(as_name(entity).encode()) is not None

    def __repr__(self):
        return f"{type(self).__name__}({os.fspath(self.path)!r})"

    def __getstate__(self):
        return {"path": self.path}

    def __setstate__(self, state):
        self.__init__(state["path"])

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    @property
    def content(self):
        """The mapped file. Threads that open it at the same time do so once too often."""
        if self._opened is None or self._opened.has_changed():
            self._open(verify="once")
        return self._opened

    def _open(self, *, verify):
        try:
            self._opened = KnowledgeBaseFile(self.path, verify=verify)
        except FileNotFoundError:
            raise FileNotFoundError(
                f"There is no knowledge base {os.fspath(self.path)!r}. Build it with "
                "`skmmgenre kb build`, or give the path where it lies now."
            ) from None
        except IsADirectoryError:
            raise ValueError(
                f"{os.fspath(self.path)!r} is a folder, not a knowledge base. Pass the path of a "
                "file that KnowledgeBase.build or `skmmgenre kb build` made."
            ) from None


def _as_list(paths):
    return [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
