"""What every group of settings is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A group of settings: unknown names are errors, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)
