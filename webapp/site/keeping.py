"""What a person can keep of an answer on their own device. Handed to the page's script, not stored."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from webapp.answer.assessment import Outcome


@dataclass(frozen=True)
class KeptAnswer:
    """One answer as "My spots" stores it. Values only, no words: the pages say them in their own language.

    Attributes:
        outcome: Any but ``cannot_judge``.
        verdict: The fixed English sentence, see ``assessment.VERDICTS``.
        confidence: The answer's, 0–1.
        signs: Malignancy (0–1) from which on the answer was ``signs``.
        unsure: And from which on ``unsure``.
        told: What the person ticked or filled in, by the form's names of the fields; the rest is absent.
        model: The model's version.
        time: When the answer was given, in UTC.
        due: The day by which a doctor should see the spot; ``None`` if no visit is advised.
        again: The day on which to look again; ``None`` where that is a doctor's part.
        replaceable: Whether ``no_signs`` for a later photo, which must show the spot larger, counts instead
            of this answer. Until then the visit stays due: a person who never sends it must not miss both.
    """

    outcome: Outcome
    verdict: str
    confidence: float
    signs: float
    unsure: float
    told: Mapping[str, bool | int | str]
    model: str
    time: datetime
    due: date | None
    again: date | None
    replaceable: bool

    @property
    def as_json(self) -> str:
        """The same as JSON, dates as in ISO 8601, for a data attribute."""
        return json.dumps(
            {
                "outcome": self.outcome,
                "verdict": self.verdict,
                "confidence": self.confidence,
                "signs": self.signs,
                "unsure": self.unsure,
                "told": dict(self.told),
                "model": self.model,
                "time": self.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "due": self.due and self.due.isoformat(),
                "again": self.again and self.again.isoformat(),
                "replaceable": self.replaceable,
            }
        )
