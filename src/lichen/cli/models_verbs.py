"""All verbs of `lichen models`, each where it lives."""

from lichen.cli.models import models
from lichen.cli.models_export import export, push
from lichen.cli.models_pull import pull

for verb in (export, pull, push):
    models.add_command(verb)
