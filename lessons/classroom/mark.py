"""Marks one exercise of one submission: sends inputs into the sandbox, judges the data that comes back."""

import copy
import hashlib
import hmac
import random
import time
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from lessons.classroom.driver import DriverError, driver
from lessons.classroom.inside import frames
from lessons.classroom.inside.worker import plain
from lessons.classroom.sandbox import Broken, Child, Gone, Late, Sandbox
from lessons.grader.exercise import Exercise
from lessons.grader.judge import RIGHT, Foreign, diagnose

CPU = 2  # seconds of computing for all cases of an exercise; its exercise.toml may say otherwise
WALL = 15.0  # seconds at least until an answer is given up that computes nothing
LOSSES = 2  # processes that one submission may use up


@dataclass(frozen=True)
class Job:
    """What marking needs, as plain data that any machine of a cluster can work on."""

    student: str
    exercise: str
    folder: str
    tier: str
    secret: str
    version: str
    context: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()
    problem: str = ""  # why it cannot be run: nothing handed in, not a notebook, ...


@dataclass
class Mark:
    """What came of one exercise of one student."""

    student: str
    exercise: str
    version: str
    status: str = "failed"  # passed, partial, failed, missing, or error: a person must look
    points: float = 0.0
    maximum: float = 0.0
    right: int = 0
    total: int = 0
    hint: str | None = None  # the misconception
    trouble: str | None = None
    isolation: str = ""
    seconds: float = 0.0
    feedback: list[dict[str, Any]] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


TROUBLE = {
    "time": "Your code did not come to its end, so it was stopped. Which loop never stops?",
    "wait": "Your code waited for something that did not come, so it was stopped.",
    "memory": "Your code asked for more memory than the 1 GiB it may use.",
    "exit": "Your code ended the process before it answered. Return a value instead of leaving Python.",
    "killed": "The process that ran your code was ended from within before it answered.",
    "return": "What your code handed back is not plain data that can be marked.",
    "syntax": "This is not Python yet, so nothing could be run.",
    "name": "What the exercise asks for is not in what you handed in.",
    "deep": "Your function calls itself and never stops doing so.",
    "error": "Your code stopped with an error.",
    "exits": "Your code tried to leave Python. Return a value instead.",
}
_KINDS = {"MemoryError": "memory", "SyntaxError": "syntax", "RecursionError": "deep", "SystemExit": "exits"}
_KINDS["Return"] = "return"
HIDDEN = "A case that you cannot see went wrong."


@cache
def _visible(exercise: Exercise) -> list[tuple[Any, Any]]:
    cases = list(exercise.cases.cases(random.Random(0)))
    return [(case, expected(exercise, case)) for case in cases]


def expected(exercise: Exercise, case: Any) -> Any:
    """What the reference makes of a case, as the plain data that a sandbox would hand back."""
    return _foreign(plain(exercise.cases.drive(exercise.reference(), copy.deepcopy(case))))


def hidden(exercise: Exercise, secret: str, student: str) -> list[tuple[Any, Any]]:
    """Cases for this student alone: one who learns another's has learned nothing."""
    digest = hmac.new(secret.encode(), f"{exercise.id}\0{student}".encode("utf-8", "replace"), hashlib.sha256)
    rng = random.Random(digest.hexdigest())
    make = getattr(exercise.cases, "hidden", exercise.cases.cases)
    shown = _shown(exercise)
    return [(case, expected(exercise, case)) for case in make(rng) if frames.encode(case) not in shown]


@cache
def _shown(exercise: Exercise) -> set[bytes]:
    return {frames.encode(case) for case, _ in _visible(exercise)}


_sandboxes: dict[tuple[str, str], Sandbox] = {}


def sandbox(tier: str, course: Path) -> Sandbox:
    """This process's warm sandbox."""
    key = tier, str(course)
    if key not in _sandboxes:
        _sandboxes[key] = Sandbox(tier, [course])
    return _sandboxes[key]


def close() -> None:
    """Ends this process's sandboxes."""
    while _sandboxes:
        _sandboxes.popitem()[1].close()


def mark(job: Job) -> Mark:
    """The mark of one job; always a mark, or the status "error" with what a person should look at."""
    start = time.monotonic()
    exercise = Exercise(Path(job.folder))
    made = Mark(job.student, job.exercise, job.version, maximum=float(exercise.points), isolation=job.tier)
    try:
        if job.problem or not job.answer:
            made.status = "missing"
            made.feedback.append({"say": job.problem or "Nothing was handed in for this exercise."})
        else:
            _Marking(job, exercise, made).run()
    except Exception as error:  # the course or the sandbox failed, not the student
        if isinstance(error, Broken):
            _drop(job)
        made.status, made.points = "error", 0.0
        made.feedback = [{"say": "This could not be marked automatically. A person will look at it."}]
        made.trouble = f"{type(error).__name__}: {error}"[:500]
    made.seconds = time.monotonic() - start
    return made


def _drop(job: Job) -> None:
    broken = _sandboxes.pop((job.tier, str(Path(job.folder).parent)), None)
    if broken is not None:
        broken.close()


class _Marking:
    """One submission on its way through all cases."""

    def __init__(self, job: Job, exercise: Exercise, made: Mark) -> None:
        self.job, self.exercise, self.made = job, exercise, made
        self.cpu = int(exercise.meta.get("seconds", CPU))
        self.losses = 0
        self.child: Child | None = None
        self.drew: list[str | None] = []  # by the visible cases
        self.elsewhere: list[str] = []  # by hidden ones
        self.questions: dict[str, str] = {}  # in the words of a visible case

    def run(self) -> None:
        """Visible cases in one go, hidden ones one at a time: no input is there before its turn."""
        shown = _visible(self.exercise)
        secret = hidden(self.exercise, self.job.secret, self.job.student)
        self.made.total = len(shown) + len(secret)
        try:
            alive = self._cases(shown, visible=True, batch=len(shown)) and self._cases(secret, visible=False, batch=1)
        finally:
            if self.child is not None:
                self.child.leave()
        if not alive and not self.made.feedback:
            self.made.feedback.append({"say": TROUBLE["error"]})
        self._score()

    def _cases(self, cases: list[tuple[Any, Any]], visible: bool, batch: int) -> bool:
        """False when there is no point in going on."""
        asked = answered = 0
        while answered < len(cases):
            if visible:
                self.drew.append(None)
            try:
                if self.child is None:
                    if self.losses >= LOSSES or not self._start():
                        return False
                    asked = answered
                assert self.child is not None
                self.child.deadline = time.monotonic() + max(WALL, 8 * self.cpu)
                if asked == answered:
                    self.child.send([case for case, _ in cases[asked : asked + batch]])
                    asked += batch
                reply = self.child.receive()
                if not isinstance(reply, dict):
                    raise frames.FrameError("it is not an answer")
                self._judge(*cases[answered], reply, visible)
            except (Late, Gone, frames.FrameError) as error:
                self._lost(error, cases[answered][0] if visible else None, unseen=not visible)
            answered += 1
        return True

    def _start(self) -> bool:
        """A fresh process with the student's code run in it; False when that code itself fails."""
        self.child = sandbox(self.job.tier, Path(self.job.folder).parent).child(self.cpu if not self.losses else 1)
        self.child.deadline = time.monotonic() + max(WALL, 8 * self.cpu)
        try:
            self.child.send(
                {
                    "context": list(self.job.context),
                    "answer": list(self.job.answer),
                    "object": self.exercise.object,
                    "driver": driver(self.exercise.folder / "cases.py"),
                }
            )
            reply = self.child.receive()
        except (Late, Gone, frames.FrameError) as error:
            self._lost(error, None)
            return False
        if not isinstance(reply, dict) or "error" in reply:
            self._failed(reply if isinstance(reply, dict) else {}, None, loading=True)
            return False
        return True

    def _lost(self, error: Exception, case: Any, unseen: bool = False) -> None:
        """The process is of no use any more: find out why, and say so."""
        child, self.child = self.child, None
        assert child is not None
        code, cpu = child.end()
        self.losses += 1
        if code == 97:
            raise Broken("a process could not be locked down")
        if isinstance(error, frames.FrameError):
            kind = "return"
        elif code == -24 or cpu >= (self.cpu if self.losses == 1 else 1):  # SIGXCPU
            kind = "time"
        elif isinstance(error, Late):
            kind = "wait"
        else:
            kind = "exit" if code >= 0 else "killed"
        self._trouble(kind, case, {}, unseen)

    def _failed(self, reply: dict[str, Any], case: Any, loading: bool = False) -> None:
        kind = _KINDS.get(str(reply.get("error")), "error")
        if loading and reply.get("error") == "LookupError":
            kind = "name"
        unseen = not loading and case is None
        self._trouble(kind, case, {} if unseen else reply, unseen)

    def _trouble(self, kind: str, case: Any, reply: dict[str, Any], unseen: bool) -> None:
        """Notes the first trouble; what is known of a hidden case is its kind alone."""
        if self.made.trouble is not None:
            return
        self.made.trouble = kind
        told = {"say": f"{HIDDEN} {TROUBLE[kind]}" if unseen else TROUBLE[kind]}
        if case is not None:
            told["ran"] = self._words("show", case)
        if kind in ("error", "syntax", "name", "return", "deep") and reply.get("error"):
            told["said"] = f"{reply.get('error')}: {reply.get('message', '')}"[:400]
        lines = reply.get("lines")
        if isinstance(lines, list):
            told["lines"] = "\n".join(f"line {n}: {t}" for n, t in (x for x in lines[:6] if _pair(x)))[:1000]
        self.made.feedback.append(told)

    def _judge(self, case: Any, right: Any, reply: dict[str, Any], visible: bool) -> None:
        if "error" in reply:
            self._failed(reply, case if visible else None)
            return
        kit, got = self.exercise.cases, _foreign(reply.get("got"))
        if _attempt(kit.same, case, right, got):
            self.made.right += 1
            if visible:
                self.drew[-1] = RIGHT
            return
        if not kit.same(case, right, right):
            raise DriverError(f"{self.exercise.id}: the reference's own answer is not accepted")
        hint = _attempt(kit.hint, case, right, got)
        if isinstance(hint, str) and hint in self.exercise.hints:
            if not visible:
                self.elsewhere.append(hint)
            else:
                self.drew[-1] = hint
                if hint not in self.questions:
                    filled = _attempt(self.exercise.hint, hint, case, right, got)
                    self.questions[hint] = filled.question if filled else ""
        if visible and not any("yours" in told for told in self.made.feedback):
            told = {"say": "Here it goes wrong.", "ran": self._words("show", case)}
            told |= {"expected": self._words("tell", case, right), "yours": self._words("tell", case, got)}
            if isinstance(reply.get("printed"), str) and reply["printed"]:
                told["printed"] = reply["printed"][:500]
            self.made.feedback.append(told)
        elif not visible and not self.made.feedback:
            self.made.feedback.append({"say": HIDDEN})

    def _words(self, name: str, *about: Any) -> str:
        say = getattr(self.exercise.cases, name, None)
        text = _attempt(say, *about) if say else None
        return (text if isinstance(text, str) else repr(about[-1]))[:1000]

    def _score(self) -> None:
        made = self.made
        made.hint, _ = diagnose(self.exercise, self.drew, elsewhere=self.elsewhere)
        if made.hint is not None:
            # Words that only a hidden case could fill in stay hidden with it.
            plain_ = self.exercise.hints[made.hint].question if not hasattr(self.exercise.cases, "facts") else ""
            question = self.questions.get(made.hint) or plain_
            made.feedback += [{"ask": question}] if question else []
        share = made.right / made.total if made.total else 0.0
        if self.exercise.meta.get("credit") == "all":
            share = float(share == 1)
        made.points = round(made.maximum * share, 2)
        made.status = "passed" if share == 1 else "partial" if share > 0 else "failed"


def _attempt(judge: Any, *about: Any) -> Any:
    """What a checker says of data that may be of any shape: where it stumbles, it says no."""
    try:
        return judge(*about)
    except Exception:
        return None


def _pair(item: Any) -> bool:
    return isinstance(item, list) and len(item) == 2 and isinstance(item[0], int) and isinstance(item[1], str)


def _foreign(data: Any) -> Any:
    if isinstance(data, dict):
        if set(data) == {"foreign"}:
            return Foreign(str(data["foreign"]))
        return {key: _foreign(value) for key, value in data.items()}
    return [_foreign(item) for item in data] if isinstance(data, list) else data
