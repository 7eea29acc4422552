"""What a learner has done so far, kept in one SQLite file in the learner's folder."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from lessons.grader.spacing import Review, due_on

FILE = "progress.sqlite"
MANIFEST = ".tinygrad-lessons.json"  # what marks a learner's folder
PAUSE = 15  # minutes after which somebody is thought to have been away
CONFIDENCE = ("a guess", "fairly sure", "certain")

# What each version of the file adds to the one before it; a file is brought up to the newest when it is opened.
_VERSIONS = (
    """
CREATE TABLE attempt (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    exercise TEXT NOT NULL,
    answer TEXT NOT NULL,             -- fingerprint: the same answer twice is one attempt
    passed INTEGER NOT NULL,
    drew TEXT,                        -- the hint or trouble that was found
    hint_shown INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX attempt_exercise ON attempt (exercise);
CREATE TABLE prediction (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    question TEXT NOT NULL UNIQUE,    -- the first answer counts
    answer TEXT NOT NULL,
    confidence TEXT NOT NULL,
    right INTEGER                     -- NULL: nobody marks it
);
""",
    """
-- 'written', 'parsons' or 'review'
ALTER TABLE attempt ADD COLUMN rung TEXT NOT NULL DEFAULT 'written';
-- what the cell printed, when one was run
ALTER TABLE prediction ADD COLUMN output TEXT;
CREATE TABLE arrangement (
    exercise TEXT PRIMARY KEY,
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    blocks TEXT NOT NULL              -- JSON: for each region pairs of a block's id and its level
);
CREATE TABLE review (
    day TEXT NOT NULL,                -- in the learner's calendar
    kind TEXT NOT NULL,               -- 'exercise', 'question' or 'claim'
    item TEXT NOT NULL,
    right INTEGER NOT NULL,
    UNIQUE (kind, item, day)          -- the first answer of a day counts
);
""",
    """
CREATE TABLE given_up (
    exercise TEXT PRIMARY KEY,
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);
""",
    """
CREATE TABLE vote (
    id INTEGER PRIMARY KEY,           -- the first vote on a claim was cast before measuring, the second after
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    claim TEXT NOT NULL,
    verdict TEXT NOT NULL,
    confidence TEXT NOT NULL,
    right INTEGER NOT NULL
);
""",
)


@dataclass(frozen=True)
class Prediction:
    """An answer that was locked before the output was shown, or a vote on a claim."""

    answer: str
    confidence: str
    right: bool | None
    output: str | None = None  # what the cell printed, when one was run


def folder(start: Path | None = None) -> Path:
    """The learner's folder: the nearest one above that `tgc lab` made, or where we are."""
    here = (start or Path.cwd()).resolve()
    return next((p for p in [here, *here.parents] if (p / MANIFEST).is_file()), here)


class Progress:
    """The open file. What cannot be written is kept for this session only, and `note` says why.

    Plain transactions with SQLite's rollback journal: a learner's folder may lie on a network
    drive, where write-ahead logging does not work.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.note = ""
        try:
            try:
                self._db = _open(path)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:
                kept = _set_aside(path)
                self.note = f"(The progress file was damaged. It was kept as {kept.name}, and a new one begun.)"
                self._db = _open(path)
        except (sqlite3.Error, OSError) as error:
            self.note = f"(Your progress cannot be saved in {path}: {error}.)"
            self._db = _memory(str(path))

    @classmethod
    def here(cls) -> "Progress":
        """The progress file of the folder that the kernel runs in."""
        return cls(folder() / FILE)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file; what was written stays."""
        if self._db not in _memories.values():
            self._db.close()

    def _change(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        """Does the work in one transaction; in memory when the file takes no more."""
        try:
            return _transaction(self._db, work)
        except sqlite3.OperationalError as error:
            self.note = f"(Your progress cannot be saved: {error}.)"
            copy = _memory(str(self._path), self._db)
            self.close()
            self._db = copy
            return _transaction(self._db, work)

    def attempt(self, exercise: str, answer: str, passed: bool, drew: str | None, rung: str = "written") -> int:
        """Remembers an answer, says which attempt on its rung it is; the same answer again is no new one."""

        def work(db: sqlite3.Connection) -> int:
            sql = "SELECT answer FROM attempt WHERE exercise = ? AND rung = ? ORDER BY id"
            rows = db.execute(sql, (exercise, rung)).fetchall()
            if rows and rows[-1][0] == answer:
                return len(rows)
            db.execute(
                "INSERT INTO attempt (exercise, answer, passed, drew, rung) VALUES (?, ?, ?, ?, ?)",
                (exercise, answer, passed, drew, rung),
            )
            return len(rows) + 1

        return self._change(work)

    def hinted(self, exercise: str, answer: str) -> None:
        """Remembers that the hint was shown with this answer."""
        sql = "UPDATE attempt SET hint_shown = 1 WHERE exercise = ? AND answer = ?"
        self._change(lambda db: db.execute(sql, (exercise, answer)))

    def predict(
        self, question: str, answer: str, confidence: str, right: bool | None, output: str | None = None
    ) -> None:
        """Remembers a locked prediction; the first one for a question stays."""
        sql = "INSERT OR IGNORE INTO prediction (question, answer, confidence, right, output) VALUES (?, ?, ?, ?, ?)"
        self._change(lambda db: db.execute(sql, (question, answer, confidence, right, output)))

    def prediction(self, question: str) -> Prediction | None:
        """What was predicted, if anything."""
        return self.predictions().get(question)

    def vote(self, claim: str, verdict: str, confidence: str, right: bool) -> None:
        """Remembers a locked vote on a claim, the one before measuring and the one after; a third is not counted."""
        sql = (
            "INSERT INTO vote (claim, verdict, confidence, right)"
            " SELECT ?, ?, ?, ? WHERE (SELECT count(*) FROM vote WHERE claim = ?) < 2"
        )
        self._change(lambda db: db.execute(sql, (claim, verdict, confidence, right, claim)))

    def votes(self) -> dict[str, list[Prediction]]:
        """The votes on each claim that was voted on: the one before measuring, and the one after."""
        cast: dict[str, list[Prediction]] = {}
        for claim, verdict, sure, right in self._db.execute("SELECT claim, verdict, confidence, right FROM vote ORDER BY id"):
            cast.setdefault(claim, []).append(Prediction(verdict, sure, bool(right)))
        return cast

    def attempts(self) -> dict[str, dict[str, Any]]:
        """For each exercise that was tried: attempts, whether solved, whether put in order, hints shown."""
        rows = self._db.execute(
            "SELECT exercise, sum(rung = 'written'), max(passed AND rung = 'written'), max(passed AND rung = 'parsons'),"
            " sum(hint_shown) FROM attempt GROUP BY exercise"
        )
        return {
            exercise: {"attempts": count, "solved": bool(solved), "sorted": bool(in_order), "hints": hints}
            for exercise, count, solved, in_order, hints in rows
        }

    def give_up(self, exercise: str) -> None:
        """Remembers that our answer was shown before there was one of the learner's own."""
        sql = "INSERT OR IGNORE INTO given_up (exercise) VALUES (?)"
        self._change(lambda db: db.execute(sql, (exercise,)))

    def given_up(self) -> set[str]:
        """The exercises whose answer was shown before they were solved."""
        return {exercise for (exercise,) in self._db.execute("SELECT exercise FROM given_up")}

    def arrange(self, exercise: str, blocks: Any) -> None:
        """Remembers how the blocks of an exercise lie now."""
        sql = "INSERT OR REPLACE INTO arrangement (exercise, blocks) VALUES (?, ?)"
        self._change(lambda db: db.execute(sql, (exercise, json.dumps(blocks))))

    def arranged(self, exercise: str) -> Any:
        """How the blocks of an exercise lay when they were last touched; None when they never were."""
        row = self._db.execute("SELECT blocks FROM arrangement WHERE exercise = ?", (exercise,)).fetchone()
        return row and json.loads(row[0])

    def predictions(self) -> dict[str, Prediction]:
        """Every locked prediction, by question."""
        rows = self._db.execute("SELECT question, answer, confidence, right, output FROM prediction")
        return {q: Prediction(a, c, None if r is None else bool(r), o) for q, a, c, r, o in rows}

    def spent(self) -> dict[str, float]:
        """Minutes by exercise, question and claim: each took the time since the last, where that was no pause.

        A first vote counts for nothing: all of them may be cast before the first lesson.
        """
        events = self._db.execute(
            "SELECT at, exercise FROM attempt UNION ALL SELECT at, exercise FROM arrangement"
            " UNION ALL SELECT at, question FROM prediction"
            " UNION ALL SELECT max(at), claim FROM vote GROUP BY claim HAVING count(*) = 2 ORDER BY at"
        ).fetchall()
        took: dict[str, float] = {}
        for (before, _), (at, item) in pairwise(events):
            gap = (datetime.fromisoformat(at) - datetime.fromisoformat(before)).total_seconds() / 60
            if gap <= PAUSE:
                took[item] = took.get(item, 0.0) + gap
        return took

    def reviewed(self, kind: str, item: str, right: bool, day: date) -> None:
        """Remembers how a review went; the first answer of a day counts."""
        sql = "INSERT OR IGNORE INTO review (kind, item, right, day) VALUES (?, ?, ?, ?)"
        self._change(lambda db: db.execute(sql, (kind, item, right, day.isoformat())))

    def reviews(self) -> list[Review]:
        """When everything that was solved or answered is to be asked again, what is due first at the front."""
        rows = self._db.execute(
            "SELECT 'exercise', exercise, date(min(at), 'localtime'), 1 FROM attempt WHERE passed GROUP BY exercise"
            " UNION ALL SELECT 'question', question, date(at, 'localtime'), right FROM prediction WHERE right IS NOT NULL"
            " UNION ALL SELECT 'claim', claim, date(max(at), 'localtime'), 1 FROM vote GROUP BY claim HAVING count(*) = 2"
            " UNION ALL SELECT kind, item, day, right FROM review"
        )
        history: dict[tuple[str, str], list[tuple[date, bool]]] = {}
        for kind, item, day, right in rows:
            history.setdefault((kind, item), []).append((date.fromisoformat(day), bool(right)))
        made = [Review(kind, item, due_on(days)) for (kind, item), days in history.items()]
        return sorted(made, key=lambda review: (review.due, review.kind == "exercise", review.id))


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=5, isolation_level=None)
    try:
        db.execute("PRAGMA synchronous = FULL")
        _create(db)
    except BaseException:
        db.close()
        raise
    return db


def _set_aside(path: Path) -> Path:
    """Gives a damaged file another name, and says which."""
    number = 1
    while (kept := path.with_name(f"{path.stem}-damaged-{number}{path.suffix}")).exists():
        number += 1
    return path.rename(kept)


def _transaction(db: sqlite3.Connection, work: Callable[[sqlite3.Connection], Any]) -> Any:
    db.execute("BEGIN IMMEDIATE")
    try:
        result = work(db)
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return result


def _create(db: sqlite3.Connection) -> None:
    def work(db: sqlite3.Connection) -> None:
        # Two kernels may start on one folder at once: look again once the file is ours.
        for number in range(_version(db), len(_VERSIONS)):
            for statement in _VERSIONS[number].split(";\n"):
                if statement.strip():
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {number + 1}")

    if _version(db) < len(_VERSIONS):
        _transaction(db, work)


def _version(db: sqlite3.Connection) -> int:
    return db.execute("PRAGMA user_version").fetchone()[0]


_memories: dict[str, sqlite3.Connection] = {}


def _memory(path: str, source: sqlite3.Connection | None = None) -> sqlite3.Connection:
    """What this session remembers in place of a file that cannot be written."""
    if path not in _memories:
        _memories[path] = sqlite3.connect(":memory:", isolation_level=None)
        if source is not None:
            source.backup(_memories[path])
        _create(_memories[path])
    return _memories[path]
