"""A measured score on a person's own photos: a photo is shown and hidden, they say what it showed, search ranks it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

__all__ = ["AnsweredRound", "BegunRound", "ChallengeAnswer", "ChallengeScores"]


class BegunRound(BaseModel):
    token: str = Field(description="To answer with, once.")
    preview_url: str = Field(description="What to show for some seconds.")
    candidates: int = Field(description="Photos that it will be ranked among.")


class ChallengeAnswer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)] = Field(
        description="What the photo showed, from memory.", examples=["two dogs in the snow"]
    )


class AnsweredRound(BaseModel):
    photo_id: str
    rank: int = Field(description="Where it stands among `candidates`; 1 is first.")
    candidates: int


class ChallengeScores(BaseModel):
    """The newest ten rounds with the model in use, beside what guessing would give. Numbers are null without rounds."""

    model: str
    rounds: int = Field(description="Of ten; a score of fewer says little.")
    candidates: int
    median_rank: float | None
    top_10: float | None = Field(description="Share of rounds in which the photo was among the first ten.")
    chance_median_rank: float
    chance_top_10: float
    ranks: list[int] = Field(description="Oldest first.")
