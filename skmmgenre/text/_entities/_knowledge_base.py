"""Knowledge base of names, entities and their categories."""

import os
from collections.abc import Iterable
from typing import Any, Self

from ..._typing import FilePath
from ._form_key import form_keys
from ._kb_build import ROLES, KnowledgeBaseBuild
from ._kb_file import KnowledgeBaseFile
from ._titles import as_name


class KnowledgeBase:
    """Knowledge base of names, the entities they refer to, and the categories of the entities.

    It is read from a file that `build` creates from DBpedia or Wikipedia dumps. The file is not
    loaded but read in place, so that all processes share one copy in the page cache of the system.

    Parameters
    ----------
    path : str or path-like
        Path of the file. It is opened, and its checksums are verified, on first use; `open` does
        so immediately.

    See Also
    --------
    GazetteerLinker : Find the entities of a knowledge base in a text.

    Notes
    -----
    A pickle contains the path as it was passed, and none of the content. The object is immutable,
    so copying it returns the same object.

    A damaged file is rejected. Each process verifies the checksums of a file once, and again after
    the file has changed. To replace a file that is in use, rename the new file to its name, as
    `build` does: a process that reads a file while it is being overwritten may be killed by the
    system (SIGBUS).

    Names are looked up ignoring case, diacritics and most punctuation: "motörhead", "AC DC" and
    "Guns N’ Roses" match "Motorhead", "AC/DC" and "Guns N' Roses".

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
            Path of a file written by `build`.
        verify : bool, default=True
            Whether to read the whole file and verify its checksums, even if this process has
            done so before. With False the file is trusted until it changes; a damaged file gives
            wrong results or crashes the process.

        Returns
        -------
        kb : KnowledgeBase
            The opened knowledge base.

        Raises
        ------
        FileNotFoundError
            If the file does not exist.
        ValueError
            If the file is not a knowledge base, is damaged or truncated, or was written by an
            incompatible version.
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
        """Build the file of a knowledge base from dumps, and open it.

        Dumps are read as a stream, plain or compressed with gzip or bzip2. Supported formats:
        N-Triples, N-Quads, Turtle, and tab-separated tables without a header and with two columns
        (subject, object) or three (subject, predicate, object). Each argument may be one file or
        a list of files.

        Parameters
        ----------
        path : str or path-like
            Path of the file to create. An existing file is replaced when the build is complete.
            During the build, disk space of about four times the size of the uncompressed names is
            needed next to it.
        labels : path or list of paths, default=()
            Titles of entities. Only names with a label are entities. Without labels, entities are
            the subjects of `categories`, and the targets of `links` and `redirects`.
        redirects : path or list of paths, default=()
            Names that redirect to an entity. Their titles become forms of it.
        categories : path or list of paths, default=()
            Categories of entities.
        links : path or list of paths, default=()
            Links between pages. The number of links to an entity determines its prior.
        records : iterable of (entity, forms, categories, prior), default=()
            Entries of a catalogue in memory: a name, two lists of str, and a count >= 0. List the
            title among the forms; if there are no forms, the title is used.
        predicates : dict of str to str, default=None
            Predicates to read from the dumps of categories and links, given as the whole IRI or
            its part after the last slash; all other statements are ignored. The value is a prefix
            for the names of categories: with ``{"recordLabel": "record label"}`` a category is
            called "record label: Blue Note Records". An empty value adds no prefix. None reads
            all statements.
        label_predicates : iterable of str, default=None
            Predicates to read from the dumps of labels; all other statements, and those whose
            object is not a text, are ignored. None uses label, name, title, alias, prefLabel and
            altLabel. A table with two columns has no predicates and is read completely.
        language : str, default=None
            Ignore labels marked as being in another language.
        left_out_qualifiers : iterable of str, default=("disambiguation",)
            Exclude entities whose title ends with one of these in parentheses.
        verbose : int, default=0
            1 shows a progress bar.

        Returns
        -------
        kb : KnowledgeBase
            The opened knowledge base.

        Raises
        ------
        ValueError
            If a dump is damaged, truncated or in an unsupported format, a predicate does not
            occur, a record is invalid, or no entity is found. An existing file at `path` is left
            unchanged.
        """
        dumps = dict(zip(ROLES, map(_as_list, (labels, redirects, categories, links)), strict=True))
        if predicates and not (dumps["categories"] or dumps["links"]):
            raise ValueError(
                "predicates= applies only to dumps of categories and links, but none were passed. "
                "Remove it, or pass categories= or links=."
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
        """Return a summary of the file.

        Returns
        -------
        info : dict
            The numbers of entities, forms, categories, category_links (pairs of an entity and its
            category) and links (between pages, as counted for the priors); bytes, the size of
            the file; sources, the role and name of each dump; left_out, the number of excluded
            statements by reason; most_words, the number of words of the longest form; format;
            version, the version of the package that built the file.
        """
        manifest = dict(self.content.manifest)
        del manifest["byteorder"], manifest["sizes"]
        return {**manifest, "bytes": os.path.getsize(self.path)}

    def candidates(self, form: str) -> list[tuple[str, float]]:
        """Return the entities that a name may refer to.

        Parameters
        ----------
        form : str
            A name as it occurs in a text; case and accents are ignored.

        Returns
        -------
        candidates : list of (str, float)
            Entities and their priors, the most probable first. The prior is the entity's share of
            the links to all candidates, after adding one to the count of each. The priors sum to 1.
        """
        keys, content = form_keys(form), self.content
        number = content.forms.get(keys[0]) if keys else None
        if number is None:
            return []
        found = content.candidates_of(content.form_entity(number))
        total = sum(count + 1 for _, count in found)
        return [(content.entity_name(entity), (count + 1) / total) for entity, count in found]

    def categories(self, entity: str) -> tuple[str, ...]:
        """Return the categories of an entity.

        Parameters
        ----------
        entity : str
            Name of the entity, with underscores or spaces.

        Returns
        -------
        categories : tuple of str
            Names with spaces and without the prefix "Category:". Empty if the entity has no
            categories or is unknown.
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
        """Opened file. Threads that access it at the same time may open it more than once."""
        if self._opened is None or self._opened.has_changed():
            self._open(verify="once")
        return self._opened

    def _open(self, *, verify):
        try:
            self._opened = KnowledgeBaseFile(self.path, verify=verify)
        except FileNotFoundError:
            raise FileNotFoundError(
                f"The knowledge base {os.fspath(self.path)!r} does not exist. Build it with "
                "`skmmgenre kb build`, or pass its current path."
            ) from None
        except IsADirectoryError:
            raise ValueError(
                f"{os.fspath(self.path)!r} is a folder, not a knowledge base. Pass the path of a "
                "file written by KnowledgeBase.build or `skmmgenre kb build`."
            ) from None


def _as_list(paths):
    return [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
