from tortoise import migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    """On SQLite 0003 made the table anew to drop a column, and its indexes went with the old one."""

    dependencies = [('prefcenter', '0006_void')]

    initial = False

    operations = [
        ops.RunSQL('CREATE INDEX IF NOT EXISTS mail_due ON mail (state, priority, next_at)'),
        ops.RunSQL('CREATE INDEX IF NOT EXISTS mail_about ON mail (about)'),
    ]
