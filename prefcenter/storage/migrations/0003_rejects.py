from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('prefcenter', '0002_may_i_send')]

    initial = False

    operations = [
        ops.RemoveField(model_name='Mail', name='subject_id'),
        ops.AddField(
            model_name='ImportRun',
            name='rejects',
            field=fields.BigIntField(db_default=0),
        ),
    ]
