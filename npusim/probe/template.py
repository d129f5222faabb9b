"""Ask a chip what it takes and how it computes, and write the answers down as JSON.

Needs Python 3.8, numpy, and the framework of the machine: torch and torch_npu. Every call is made in a second process,
which may hang or crash; a journal beside the result lets a run go on where it was stopped. Send the result to whoever
holds the profile, for whom `npusim profile confirm PROFILE FILE` reads it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import queue
import re
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

VERSION = 1
DATA = ""  # npusim profile probe writes it: a line on the whole, then a line for each case

_START_LIMIT_S = 900.0
"""How long a framework may take to be imported."""


def main(argv: list[str] | None = None) -> int:
    """Run the probe; return 0 if every case asked for was tried, 2 if the probe could not go on, 130 if stopped."""
    arguments = _parser().parse_args(argv)
    about, cases = read_data(DATA)
    if arguments.worker:
        return work(arguments.backend, about, cases)
    try:
        return _probe(arguments, about, cases)
    except ProbeFailed as error:
        print(f"probe: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="torch_npu", help="torch_npu (the default), or npusim:PROFILE")
    parser.add_argument("--out", metavar="FILE", help="the result, probe_PROFILE.json if not given")
    parser.add_argument("--only", metavar="OPERATOR", nargs="+", default=[], help="only the cases of these operators")
    parser.add_argument("--limit", metavar="SECONDS", type=float, default=60.0, help="time for one case (60)")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser


class ProbeFailed(Exception):  # noqa: N818 - the name says what happened
    """The probe cannot go on; what was learnt is in the journal."""


class NotCallable(Exception):  # noqa: N818 - the name says what happened
    """This backend cannot make a call, which says nothing about the chip."""


class Refused(Exception):  # noqa: N818 - the name says what happened
    """The chip refused a call; a framework's own errors mean the same."""


def read_data(text: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what the script is about, and its cases."""
    about, *cases = (json.loads(line) for line in text.strip().splitlines())
    return about, cases


def _probe(arguments: argparse.Namespace, about: dict[str, Any], cases: list[dict[str, Any]]) -> int:
    wanted = [case for case in cases if not arguments.only or case["operator"] in arguments.only]
    names = list(dict.fromkeys(case["operator"] for case in cases))
    unknown = [name for name in arguments.only if name not in names]
    if unknown:
        raise ProbeFailed(f"--only: no cases of {', '.join(unknown)} in this script; it has {', '.join(names)}")
    out = Path(arguments.out or f"probe_{about['profile']}.json")
    head = {"version": VERSION, "digest": about["digest"], "backend": arguments.backend}
    journal = Journal(Path(f"{out}.journal"), head)
    code = 0
    try:
        run(arguments, journal, wanted)
    except KeyboardInterrupt:
        journal.add({"begin": ""})  # nobody knows what the case in hand would have done
        code = 130
    left = sum(case["id"] not in journal.results for case in cases)
    write_result(out, about, cases, journal)
    print(f"{out} written: {len(cases) - left} of {len(cases)} cases tried", file=sys.stderr)
    if not left:
        journal.path.unlink()
    return code


# The journal: what was begun and what came of it, a line each, so that nothing is tried twice.


class Journal:
    """The cases that are done. One that was begun and never ended took the machine with it, and is not tried again."""

    def __init__(self, path: Path, head: dict[str, Any]) -> None:
        self.path, self.head = path, head
        self.results: dict[str, dict[str, Any]] = {}
        self.chip: dict[str, Any] = {}
        self.begun = ""
        records = self._records() if path.exists() else []
        if records and records[0] != head:
            raise ProbeFailed(f"{path} is of another script or backend; delete it to begin anew")
        if not records:
            self.path.write_text("", encoding="utf-8")
            self.add(head)
        for record in records:
            self._note(record)
        if self.begun:
            self.end(self.begun, {"status": "killed", "text": "the run ended in this call"})

    def _records(self) -> list[dict[str, Any]]:
        """Return what was written, and cut off a last line that was not written to its end."""
        text = self.path.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            self.path.write_text(whole, encoding="utf-8")
        try:
            return [json.loads(line) for line in whole.splitlines()]
        except ValueError:
            raise ProbeFailed(f"{self.path} is not the journal of a probe; delete it to begin anew") from None

    def _note(self, record: dict[str, Any]) -> None:
        if "begin" in record:
            self.begun = record["begin"]
        elif "id" in record:
            self.results[record["id"]] = record["result"]
            self.begun = ""
        elif "chip" in record:
            self.chip = record

    def add(self, record: dict[str, Any]) -> None:
        """Write a record to the disk before anything else happens."""
        self._note(record)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def end(self, identity: str, result: dict[str, Any]) -> None:
        """Write what came of a case."""
        self.add({"id": identity, "result": result})


def write_result(out: Path, about: dict[str, Any], cases: list[dict[str, Any]], journal: Journal) -> None:
    """Write the result, whole or not at all."""
    head = {
        "npusim_probe": VERSION,
        **{key: about[key] for key in ("profile", "frontend", "digest")},
        **(journal.chip or {"chip": "", "versions": {}}),
        "backend": journal.head["backend"],
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    lines = [json.dumps({**case, "result": journal.results.get(case["id"])}, allow_nan=False) for case in cases]
    text = json.dumps(head, indent=1)[:-2] + ',\n "cases": [\n' + ",\n".join(lines) + "\n]}\n"
    temporary = out.with_name(f"{out.name}.writing")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(out)


# The parent: it watches the worker, ends it where a case takes too long, and starts another.


def run(arguments: argparse.Namespace, journal: Journal, cases: list[dict[str, Any]]) -> None:
    """Try every case that is not in the journal yet."""
    left = [case for case in cases if case["id"] not in journal.results]
    progress = Progress(left)
    while left:
        worker = Worker(arguments.backend, [case["id"] for case in left])
        try:
            _watch(worker, journal, arguments.limit, progress)
        finally:
            worker.stop()
        before, left = left, [case for case in left if case["id"] not in journal.results]
        if len(left) == len(before):
            raise ProbeFailed("the worker ended without trying a case; what it said is above")


def _watch(worker: Worker, journal: Journal, limit_s: float, progress: Progress) -> None:
    """Note what the worker says until it is done, dies, or takes too long."""
    chip = worker.say(_START_LIMIT_S)
    if chip is None or "chip" not in chip:
        raise ProbeFailed(f"the backend did not start: {chip['failed'] if chip else 'what it said is above'}")
    if journal.chip and journal.chip != chip:
        raise ProbeFailed(f"{journal.path} was begun on {journal.chip}, this is {chip}; delete it to begin anew")
    if not journal.chip:
        journal.add(chip)
    record = worker.say(limit_s)
    while record is not None:
        journal.add(record)
        progress.show(record)
        record = worker.say(limit_s)
    if journal.begun:
        last = {"id": journal.begun, "result": worker.death(limit_s)}
        journal.add(last)
        progress.show(last)


class Worker:
    """The second process, and what it says, line by line."""

    def __init__(self, backend: str, wanted: list[str]) -> None:
        command = [sys.executable, str(Path(__file__).resolve()), "--worker", "--backend", backend]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", start_new_session=True
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._is_late = False
        threading.Thread(target=self._listen, daemon=True).start()
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as channel:
            channel.write(json.dumps(wanted))

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            self._lines.put(line)
        self._lines.put("")

    def say(self, limit_s: float) -> dict[str, Any] | None:
        """Return its next record, or None if it has ended or says nothing for so long."""
        try:
            line = self._lines.get(timeout=limit_s)
        except queue.Empty:
            self._is_late = True
            return None
        record: dict[str, Any] | None = json.loads(line) if line.endswith("\n") else None
        return record

    def death(self, limit_s: float) -> dict[str, Any]:
        """Return the result of the case in which it ended."""
        if self._is_late:
            return {"status": "timed_out", "text": f"no answer in {limit_s:g} s"}
        code = self._process.wait()
        return {"status": "killed", "text": f"the process ended by {f'signal {-code}' if code < 0 else f'exit {code}'}"}

    def stop(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()


class Progress:
    """Tells on standard error what became of each operator."""

    def __init__(self, cases: list[dict[str, Any]]) -> None:
        self._left: dict[str, int] = {}
        self._counts: dict[str, dict[str, int]] = {}
        for case in cases:
            self._left[case["operator"]] = self._left.get(case["operator"], 0) + 1

    def show(self, record: dict[str, Any]) -> None:
        """Count a result, and print an operator's line when no case of it is left."""
        if "id" not in record:
            return
        operator, status = record["id"].split("/")[0], record["result"]["status"]
        counts = self._counts.setdefault(operator, {})
        counts[status] = counts.get(status, 0) + 1
        self._left[operator] -= 1
        if status in ("killed", "timed_out"):
            print(f"{record['id']}: {record['result']['text']}", file=sys.stderr)
        if not self._left[operator]:
            said = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
            print(f"{operator}: {said}", file=sys.stderr)


# The worker: it makes the calls.


def work(name: str, about: dict[str, Any], cases: list[dict[str, Any]]) -> int:
    """Try the cases whose ids stand on standard input; say on standard output what is begun and what came of it."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is for people

    def say(record: dict[str, Any]) -> None:
        channel.write(json.dumps(record) + "\n")
        channel.flush()

    wanted = set(json.loads(sys.stdin.read()))
    try:
        backend = open_backend(name, about)
        say({"chip": backend.chip(), "versions": backend.versions()})
    except Exception as error:  # whatever a framework raises is said, once
        say({"failed": f"{type(error).__name__}: {error}"})
        return 2
    for case in cases:
        if case["id"] in wanted:
            say({"begin": case["id"]})
            result = tried(backend, case)
            is_lost = result["status"] == "refused" and not backend.answers()
            if is_lost:
                result = {"status": "killed", "text": f"the device did not answer after: {result['text']}"}
            say({"id": case["id"], "result": result})
            if is_lost:
                return 3
    return 0


def tried(backend: Backend, case: dict[str, Any]) -> dict[str, Any]:
    """Make one call and return what came of it: accepted, refused with the text, or not callable by this backend."""
    try:
        operands = {
            port: [backend.tensor(numbers_of(one), *type_of(one["type"])) for one in given]
            for port, given in case["operands"].items()
        }
        outputs = case.get("outputs", {})
        if not case["keep"]:
            backend.accept(case["operator"], operands, case["attributes"], outputs)
            return {"status": "accepted"}
        result = backend.call(case["operator"], operands, case["attributes"], outputs)
    except NotCallable as error:
        return {"status": "not_callable", "text": str(error)}
    except Exception as error:  # a refusal, in the words of whichever layer refuses
        return {"status": "refused", "text": str(error)}
    return {"status": "accepted", "shape": list(result.shape), "values": [_number(v) for v in result.ravel().tolist()]}


def _number(value: float) -> float | str:
    """A number as JSON has it; it has none that are not finite."""
    return value if np.isfinite(value) else str(value)


_TYPE = re.compile(r"(const:)?(\w+)(\[[^\]]*\])?(\{.*\})?")


def type_of(text: str) -> tuple[str, str]:
    """Return the dtype of `float16[2,2]`, and the whole text if it says more than dtype and shape."""
    found = _TYPE.fullmatch(text)
    if found is None:
        raise NotCallable(f"not an operand: {text}")
    return found.group(2), text if found.group(1) or found.group(4) else ""


def numbers_of(operand: dict[str, Any]) -> np.ndarray[Any, Any]:
    """Return the numbers of an operand in its shape, as float64."""
    found = _TYPE.fullmatch(operand["type"])
    sizes = re.findall(r"\d+", (found.group(3) if found else "") or "")
    values = np.array([value for value, _ in operand["numbers"]], dtype=np.float64)
    return np.repeat(values, [count for _, count in operand["numbers"]]).reshape([int(size) for size in sizes])


# Backends. A new one needs these methods and a line in open_backend.


class Backend:
    """What makes calls on one kind of machine; operands are lists of what `tensor` returned, by port."""

    def tensor(self, array: np.ndarray[Any, Any], dtype: str, details: str) -> Any:
        """Return the numbers in a dtype; raise NotCallable for one that is not known here, or for details."""
        raise NotImplementedError

    def call(self, operator: str, operands: Any, attributes: Any, outputs: Any) -> np.ndarray[Any, Any]:
        """Make a call and return its first result as float64; raise NotCallable, or anything else for a refusal."""
        raise NotImplementedError

    def accept(self, operator: str, operands: Any, attributes: Any, outputs: Any) -> None:
        """Make a call whose result nobody reads."""
        self.call(operator, operands, attributes, outputs)

    def chip(self) -> str:
        """Return the chip's name as the machine has it."""
        raise NotImplementedError

    def versions(self) -> dict[str, str]:
        """Return the versions of what stands between this script and the chip."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether the device still works after a refusal."""
        return True


def open_backend(name: str, about: dict[str, Any]) -> Backend:
    """Return the backend of a name."""
    kind, _, rest = name.partition(":")
    if kind == "npusim" and rest:
        return Simulated(about, rest)
    if name == "torch_npu":
        return TorchNpu(about)
    raise NotCallable(f"unknown backend {name!r}; there are torch_npu and npusim:PROFILE")


class Simulated(Backend):
    """A device of npusim, in place of a chip."""

    def __init__(self, about: dict[str, Any], profile: str) -> None:
        self._npusim = import_module("npusim")
        self._dtypes = import_module("npusim.dtypes").DTYPES
        self._variadic = {name: set(row["variadic"]) for name, row in about["operators"].items()}
        self._device = self._npusim.device(
            profile, frontend=about["frontend"] or None, policy="raise", on_unknown="raise"
        )

    def tensor(self, array: np.ndarray[Any, Any], dtype: str, details: str) -> Any:
        """Return an array, or the operand's text where an array cannot say all."""
        storage = self._dtypes[dtype].storage
        shape = ",".join(map(str, array.shape))
        return details or (f"{dtype}[{shape}]" if storage is None else array.astype(storage))

    def call(self, operator: str, operands: Any, attributes: Any, outputs: Any) -> np.ndarray[Any, Any]:
        """Run the call on the device."""
        self.accept(operator, operands, attributes, outputs)
        try:
            result = self._device.run(operator, **self._named(operator, {**operands, **outputs}), **attributes)
        except self._npusim.ExecutionError as error:
            raise NotCallable(str(error)) from None
        return np.asarray(result).astype(np.float64)

    def accept(self, operator: str, operands: Any, attributes: Any, outputs: Any) -> None:
        """Ask the device; it accepts a call without running it."""
        named = self._named(operator, {**operands, **outputs})
        verdict = self._device.judge(operator, **named, **attributes)
        if verdict.status == "unknown":
            raise NotCallable("the simulated device has no facts on this call")
        if verdict.violations:
            raise Refused(verdict.violations[0].text)

    def _named(self, operator: str, given: Any) -> dict[str, Any]:
        return {port: found if port in self._variadic[operator] else found[0] for port, found in given.items()}

    def chip(self) -> str:
        """Return the name by which the profile's stack calls the chip."""
        return str(self._device.profile.soc)

    def versions(self) -> dict[str, str]:
        """Return the version of npusim, and of the stack that it imitates."""
        stack = self._device.profile.stack
        return {"npusim": str(self._npusim.__version__), **({stack.name: stack.version} if stack.name else {})}


_ARGUMENTS: dict[str, dict[str, str]] = {
    "matmul": {"mat2": "other"},
    "npu_rms_norm": {"input": "self", "weight": "gamma", "eps": "epsilon", "normalized_shape": ""},
    "npu_rotary_mul": {"x": "self", "cos": "r1", "sin": "r2"},
}
"""Function -> port or attribute -> the argument that it is there, "" for one that follows from the others."""
_FILLED: dict[str, Any] = {"half_to_float": False}
"""Arguments that no operator of npusim has, and what is given for them."""
_MISFITS = ("Expected a value of type", "is missing value for argument", "Unknown keyword argument", "out of memory")
"""Parts of messages that say that the call was not understood, or did not fit, rather than refused."""
_ON_THE_HOST = "fall back to run on the CPU"


class TorchNpu(Backend):
    """An Ascend chip through torch and torch_npu."""

    def __init__(self, about: dict[str, Any]) -> None:
        self._torch, self._torch_npu = import_module("torch"), import_module("torch_npu")
        self._torch.set_warn_always(True)  # a fall back to the host is told only once otherwise
        self._operators = about["operators"]

    def tensor(self, array: np.ndarray[Any, Any], dtype: str, details: str) -> Any:
        """Return a tensor on the device."""
        found = getattr(self._torch, dtype, None)
        if details or found is None:
            raise NotCallable(f"torch cannot express {details}" if details else f"torch has no dtype {dtype}")
        try:
            return self._torch.from_numpy(array).to(found).to("npu")
        except RuntimeError as error:
            raise NotCallable(f"no tensor of {dtype} on the device: {error}") from None

    def call(self, operator: str, operands: Any, attributes: Any, outputs: Any) -> np.ndarray[Any, Any]:
        """Call the first function that takes these arguments, and wait for its result."""
        if outputs:
            raise NotCallable("torch chooses the outputs itself")
        function, arguments = self._function(operator, operands, attributes)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = function(**arguments)
                self._torch.npu.synchronize()
            except (RuntimeError, TypeError) as error:
                if any(part in str(error) for part in _MISFITS):
                    raise NotCallable(str(error)) from None
                raise
        hosted = [str(one.message) for one in caught if _ON_THE_HOST in str(one.message)]
        if hosted:
            raise NotCallable(hosted[0])
        return self._array(result[0] if isinstance(result, (tuple, list)) else result)

    def _array(self, result: Any) -> np.ndarray[Any, Any]:
        found = result.detach().cpu()
        wide = found.real if found.is_complex() else found
        array: np.ndarray[Any, Any] = wide.to(self._torch.float64).numpy()
        return array

    def _function(self, operator: str, operands: Any, attributes: Any) -> tuple[Any, dict[str, Any]]:
        row = self._operators[operator]
        given = {port: found if port in row["variadic"] else found[0] for port, found in operands.items()}
        reasons = []
        for name, function, schema in self._functions(row["torch"]):
            arguments, reason = fitted(name, schema, given, self._converted(attributes), row["defaults"])
            if not reason:
                return function, arguments
            reasons.append(f"{name}: {reason}")
        names = ", ".join(row["torch"])
        nothing = f"torch has no {names}" if names else "the profile names no function of torch for it"
        raise NotCallable("; ".join(reasons) or nothing)

    def _converted(self, attributes: dict[str, Any]) -> dict[str, Any]:
        """The attributes, a dtype's name as torch's dtype."""
        dtype = attributes.get("dtype")
        return {**attributes, "dtype": getattr(self._torch, dtype, dtype)} if dtype else attributes

    def _functions(self, names: list[str]) -> Iterator[tuple[str, Any, list[tuple[str, str, bool]]]]:
        """Yield functions by names such as aten.add.Tensor, each with its arguments: name, type, whether required."""
        for name in names:
            library, _, rest = name.partition(".")
            base, _, overload = rest.partition(".")
            packet = getattr(getattr(self._torch.ops, library), base, None)
            if packet is None or (base.endswith("_") and not base.startswith("_")):  # the latter work in place
                continue
            for one in [overload] if overload else packet.overloads():
                found = getattr(packet, one)
                schema = [(a.name, str(a.type), not a.has_default_value()) for a in found._schema.arguments]
                yield base, getattr(self._torch_npu, base, found) if library == "npu" else found, schema

    def chip(self) -> str:
        """Return the name that the driver gives."""
        return str(self._torch.npu.get_device_name(0))

    def versions(self) -> dict[str, str]:
        """Return the versions of torch, torch_npu, CANN and Python."""
        return {
            "torch": str(self._torch.__version__),
            "torch_npu": str(self._torch_npu.__version__),
            "CANN": _cann_version(),
            "python": platform.python_version(),
        }

    def answers(self) -> bool:
        """Whether a sum still comes out."""
        try:
            return bool((self._torch.ones(2).to("npu") + 1).cpu().sum().item() == 4)
        except RuntimeError:
            return False


def fitted(
    name: str,
    schema: list[tuple[str, str, bool]],
    operands: dict[str, Any],
    attributes: dict[str, Any],
    defaults: dict[str, Any],
) -> tuple[dict[str, Any], str]:
    """Return the arguments of a function for a call, or why it does not fit; what has its default value may be absent.

    Names decide: a tensor goes to an argument of its port's name that is one.
    """
    renamed = _ARGUMENTS.get(name, {})
    tensors = {argument for argument, kind, _ in schema if "Tensor" in kind}
    needs = {(argument, is_required) for argument, _, is_required in schema}
    known = {argument for argument, _ in needs}
    found = {argument: value for argument, value in _FILLED.items() if argument in known}
    for port, value in {**operands, **attributes}.items():
        argument = renamed.get(port, port)
        if value is None and (argument, False) in needs:
            continue  # the function's own way of saying nothing
        if argument in (tensors if port in operands else known - tensors):
            found[argument] = value
        elif argument and (port not in defaults or defaults[port] != value):
            return {}, f"it has no argument for {port}"
    for argument, kind, is_required in schema:
        if is_required and argument not in found:
            if not kind.startswith("Optional"):
                return {}, f"nothing is known to give for {argument}"
            found[argument] = None
    return found, ""


def _cann_version() -> str:
    """The version that the toolkit's files tell, "" if none does."""
    home = os.environ.get("ASCEND_TOOLKIT_HOME", "")
    for file in sorted(Path(home).glob("*/ascend_toolkit_install.info")) if home else []:
        found = re.search(r"^version=(\S+)", file.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
        if found:
            return found.group(1)
    return ""


if __name__ == "__main__":
    sys.exit(main())
