"""All verbs of `lichen models`, each where it lives."""

from lichen.cli.models import models
from lichen.cli.models_pull import pull

models.add_command(pull)
