"""A call in the making, to which edits are applied until it means what is wanted of it."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from npusim.call import Call, Operand, TensorType
from npusim.dtypes import DTYPES, DType
from npusim.operators import REQUIRED, Attribute, Operator, Port, bind
from npusim.profiles.edits import Edit, Edits, SetAttribute
from npusim.profiles.samples.forms import FORMS, REST, Shape, alike

Given = Mapping[str, tuple[Operand, ...]]

USUAL: Mapping[str, str] = {"index": "int64", "indices": "int64", "condition": "bool", "attn_mask": "bool"}
"""Ports that hold something other than numbers to compute with."""
_FILLER: Mapping[str, Callable[[], Any]] = {
    "bool": lambda: False,
    "int": lambda: 1,
    "float": lambda: 1.0,
    "number": lambda: 1,
    "str": lambda: "",
    "ints": lambda: (1,),
    "sizes": lambda: 1,
    "floats": lambda: (1.0,),
    "dtype": lambda: "float32",
}
"""What a required attribute is at first, by its type."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A call that may yet turn out to be impossible: what is on each port, and the attributes that are set."""

    operator: Operator
    operands: Given
    attributes: Mapping[str, Any]

    @property
    def key(self) -> Hashable:
        """What tells this draft from others."""
        return tuple(self.operands.items()), tuple(self.attributes.items())

    def call(self) -> Call:
        """Return the bound call; raises CallError if the operator cannot mean it."""
        variadic = {port.name for port in self.operator.ports if port.variadic}
        given = {name: found if name in variadic else found[0] for name, found in self.operands.items() if found}
        return bind(self.operator, (), {**given, **self.attributes})

    def edited(self, edits: Edits) -> "Iterator[Draft]":
        """Yield the draft with the edits made: shapes with what hangs on them, then, if that differs, alone."""
        drafts = [self]
        for edit in edits:
            drafts = [changed for draft in drafts for changed in draft.changed(edit)]
        return iter(drafts)

    def changed(self, edit: Edit | SetAttribute) -> "Iterator[Draft]":
        """Yield the draft with one edit made, in every way in which that may be meant."""
        if isinstance(edit, SetAttribute):
            if any(attribute.name == edit.name for attribute in self.operator.attributes):
                yield replace(self, attributes={**self.attributes, edit.name: edit.value})
            return
        draft, shape = self._with_operand(edit), edit.shape
        if shape is None:
            yield draft
            return
        if self.operator.infer is not None and any(port.name == edit.port for port in self.operator.inputs):
            yield draft.with_form(edit.port, shape)
        yield draft._with_types(edit, lambda t: replace(t, shape=shape))

    def _with_operand(self, edit: Edit) -> "Draft":
        """Return the draft with everything that an edit says but the shape."""
        present = self.operands.get(edit.port, ())
        count = edit.count if edit.count is not None else max(len(present), 1)
        model = next((o for found in (present, *self.operands.values()) for o in found), PLAIN)
        found = (*present, *(Operand(model.type),) * count)[:count]
        draft = replace(self, operands={**self.operands, edit.port: found})
        if (dtype := edit.dtype) is not None:
            draft = draft._with_types(edit, lambda t: replace(t, dtype=dtype))
        if (changes := edit.of_operand()) and found:
            draft = draft._with_operands(edit, lambda o: replace(o, **changes))
        return draft

    def _with_types(self, edit: Edit, change: Callable[[TensorType], TensorType]) -> "Draft":
        return self._with_operands(edit, lambda operand: replace(operand, type=change(operand.type)))

    def _with_operands(self, edit: Edit, change: Callable[[Operand], Operand]) -> "Draft":
        found = list(self.operands[edit.port])
        for index in range(len(found)) if edit.index is None else [edit.index]:
            found[index] = change(found[index])
        return replace(self, operands={**self.operands, edit.port: tuple(found)})

    def with_form(self, port: str, shape: Shape) -> "Draft":
        """Return the draft with a shape on one port, and on the others what the operator's form makes of it."""
        shapes, attributes = FORMS.get(self.operator.name, alike)(port, shape)
        operands = {
            name: tuple(
                replace(o, type=replace(o.type, shape=shapes.get(name, shapes.get(REST, o.type.shape)))) for o in found
            )
            for name, found in self.operands.items()
        }
        return replace(self, operands=operands, attributes={**self.attributes, **attributes})


PLAIN = Operand(TensorType(DTYPES["float16"], (2, 2)))


def first_draft(operator: Operator, dtypes: Mapping[str, DType], present: Mapping[str, int], shape: Shape) -> Draft:
    """Return a draft with these dtypes, as many operands on each port, one shape, and the attributes it must have."""
    operands = {
        port.name: (Operand(TensorType(dtypes[port.name], shape)),) * present.get(port.name, usual_count(port))
        for port in operator.inputs
    }
    attributes = {a.name: _filler(a) for a in operator.attributes if a.default is REQUIRED}
    draft = Draft(operator, operands, attributes)
    return draft if operator.infer is None or not operator.inputs else draft.with_form(operator.inputs[0].name, shape)


def usual_count(port: Port) -> int:
    """How many operands a port has unless something else is wanted."""
    if port.variadic:
        return 2
    return 0 if port.optional else 1


def _filler(attribute: Attribute) -> Any:
    return _FILLER[attribute.type]()
