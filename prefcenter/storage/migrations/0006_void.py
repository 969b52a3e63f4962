from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('prefcenter', '0005_mail_in')]

    initial = False

    operations = [
        ops.CreateModel(
            name='ImportChunk',
            fields=[
                ('first_seq', fields.BigIntField(primary_key=True, unique=True, db_index=True)),
                ('last_seq', fields.BigIntField()),
                ('import_id', fields.CharField(max_length=32)),
            ],
            options={'table': 'import_chunk', 'app': 'prefcenter', 'indexes': [Index(fields=['import_id', 'first_seq'], name='import_chunk_of')], 'pk_attr': 'first_seq', 'table_description': 'What one committed chunk of an import left in the ledger, from `first_seq` to `last_seq`.'},
            bases=['Model'],
        ),
    ]
