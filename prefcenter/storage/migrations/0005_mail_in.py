from tortoise import migrations
from tortoise.migrations import operations as ops
from prefcenter.storage.fields import UtcMicrosField
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('prefcenter', '0004_sync')]

    initial = False

    operations = [
        ops.CreateModel(
            name='MailIn',
            fields=[
                ('id', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                ('digest', fields.CharField(unique=True, max_length=64)),
                ('reason', fields.CharField(max_length=24)),
                ('state', fields.CharField(max_length=8)),
                ('size', fields.BigIntField()),
                ('body', fields.BinaryField(null=True)),
                ('wide', fields.BinaryField(null=True)),
                ('received_at', UtcMicrosField()),
                ('closed_at', UtcMicrosField(null=True)),
            ],
            options={'table': 'mail_in', 'app': 'prefcenter', 'indexes': [Index(fields=['state', 'received_at'], name='mail_in_state'), Index(fields=['wide'], name='mail_in_wide')], 'pk_attr': 'id', 'table_description': 'A mail that could not be acted upon by itself. `body`: its first part, sealed. `size`: of all of it.'},
            bases=['Model'],
        ),
    ]
