"""What a job must hold: checked before it is queued, and again before it is done."""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel, Field


class Line(BaseModel):
    text: str = Field(min_length=1)
    count: int = Field(gt=0)
    price: Decimal = Field(ge=0, decimal_places=2)

    @property
    def total(self) -> Decimal:
        return self.count * self.price


class Invoice(BaseModel):
    number: str = Field(pattern=r"^[A-Z0-9-]{1,32}$")
    customer: str = Field(min_length=1)
    lines: list[Line] = Field(min_length=1)

    @property
    def total(self) -> Decimal:
        return sum((line.total for line in self.lines), Decimal(0))
