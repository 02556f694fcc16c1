"""Which records of two catalogues are worth comparing."""

import numpy as np
from scipy import sparse

_END = 3  # letters
_N_ENDS = 10  # of a record, the rarest
_N_MET = 1000  # records that a record meets at most
_N_CANDIDATES = 12  # of these the likeliest
_CHUNK = 1000  # records


def candidate_pairs(left, right, advance):
    """Find the records that share two ends of words that are rarely together.

    The ends of a word are its first and its last three letters: a letter that is wrong leaves
    one of them. The whole text of a field counts as an end. Each record on the left is looked up
    by the ends in its fields, two by two, the rarest pair on the right first, until 1,000 records
    have been met; the 12 that share most, a pair weighing by its rarity, are its candidates. So
    the work grows with the number of records, not with its square.

    Parameters
    ----------
    left, right : list of list of str
        For each field the words of all records, in Latin letters.
    advance : callable
        Told how many records on the left are done.

    Returns
    -------
    rows, columns : ndarray of int
        Positions on the left and on the right.
    """
    n_left, n_right = len(left[0]), len(right[0])
    rows, columns = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    if n_left and n_right:
        lookup, index = _index(left, right)
        for start in range(0, n_left, _CHUNK):
            shared = (lookup[start : start + _CHUNK] @ index).tocoo()
            row, column = _largest(shared, _N_CANDIDATES)
            rows.append(row + start)
            columns.append(column)
            advance(min(_CHUNK, n_left - start))
    return np.concatenate(rows), np.concatenate(columns)


def _index(left, right):
    """Return what to look up for each record on the left, and where it is on the right.

    Returns
    -------
    lookup : csr_array of float32, shape (n_left, n_keys)
        Weights of the pairs of ends.
    index : csr_array of float32, shape (n_keys, n_right)
        1 where a record has the pair.
    """
    numbers = {}
    ends = [_number_ends(records, numbers) for records in (left, right)]
    frequency = np.bincount(np.concatenate(ends[1]), minlength=len(numbers))
    codes = [_pair_up(_rarest_ends(records, frequency), len(numbers)) for records in ends]
    keys, place = np.unique(codes[1][1], return_inverse=True)
    n_left, n_right = len(left[0]), len(right[0])
    ones = np.ones(len(place), dtype=np.float32)
    index = sparse.csr_array((ones, (place, codes[1][0])), shape=(len(keys), n_right))

    row, code = codes[0]
    place = np.minimum(np.searchsorted(keys, code), len(keys) - 1)
    known = keys[place] == code
    row, place = row[known], place[known]
    n_met = np.diff(index.indptr)[place]
    order = np.lexsort((n_met, row))
    row, place, n_met = row[order], place[order], n_met[order]
    total = np.cumsum(n_met)
    first = np.searchsorted(row, np.arange(n_left))
    met = total - np.r_[0, total][first][row]
    keep = (met <= _N_MET) | (met == n_met)  # one pair in any case
    weight = np.log(1.0 + n_right / n_met[keep]).astype(np.float32)
    lookup = sparse.csr_array((weight, (row[keep], place[keep])), shape=(n_left, len(keys)))
    return lookup, index


def _number_ends(fields, numbers):
    """Return the ends of the words of each record as arrays of numbers, new ones added."""
    records = []
    for texts in zip(*fields, strict=True):
        found = set()
        for field, text in enumerate(texts):
            found.add((field, text))  # for those that are equal, however short
            for word in text.split():
                found.add((field, "^" + word[:_END]))
                if len(word) > _END:
                    found.add((field, word[-_END:] + "$"))
        records.append(np.array([numbers.setdefault(end, len(numbers)) for end in found]))
    return records


def _rarest_ends(records, frequency):
    """Return the rarest ends of each record in ascending order, -1 where there are fewer."""
    chosen = np.full((len(records), _N_ENDS), -1, dtype=np.int64)
    for row, ends in enumerate(records):
        if len(ends) > _N_ENDS:
            # Ends that the right has not count for nothing, those of a wrong letter above all.
            often = np.where(frequency[ends] > 0, frequency[ends], np.iinfo(np.int64).max)
            ends = ends[np.argsort(often, kind="stable")[:_N_ENDS]]
        chosen[row, : len(ends)] = np.sort(ends)
    return chosen


def _pair_up(chosen, n_ends):
    """Return the record and a code of each two ends, and of each one by itself."""
    first, second = np.triu_indices(_N_ENDS)
    codes = chosen[:, first] * n_ends + chosen[:, second]
    valid = (chosen[:, first] >= 0) & (chosen[:, second] >= 0)
    return np.nonzero(valid)[0], codes[valid]


def _largest(matrix, n):
    """Return the places of the n largest entries of each row, of equal ones the first."""
    order = np.lexsort((matrix.col, -matrix.data, matrix.row))
    row = matrix.row[order]
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    keep = order[rank < n]
    return matrix.row[keep].astype(np.int64), matrix.col[keep].astype(np.int64)
