from tortoise import migrations
from tortoise.migrations import operations as ops
from prefcenter.storage.fields import UtcMicrosField
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('prefcenter', '0001_initial')]

    initial = False

    operations = [
        ops.CreateModel(
            name='AppliedRegimes',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('digest', fields.CharField(max_length=64)),
                ('body', fields.TextField(unique=False)),
                ('applied_at', UtcMicrosField()),
            ],
            options={'table': 'regimes', 'app': 'prefcenter', 'pk_attr': 'id', 'table_description': 'The rules of every jurisdiction, in force from `applied_at` on. Immutable, as catalogs are.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Asked',
            fields=[
                ('id', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                ('campaign_id', fields.CharField(max_length=32)),
                ('subject_id', fields.CharField(db_index=True, max_length=32)),
                ('carrier', fields.CharField(max_length=48)),
                ('state', fields.CharField(max_length=16)),
                ('queued_at', UtcMicrosField()),
                ('asked_at', UtcMicrosField(null=True)),
                ('reminded_at', UtcMicrosField(null=True)),
                ('answered_at', UtcMicrosField(null=True)),
            ],
            options={'table': 'asked', 'app': 'prefcenter', 'unique_together': (('campaign_id', 'subject_id'),), 'indexes': [Index(fields=['campaign_id', 'state', 'asked_at'], name='asked_state')], 'pk_attr': 'id', 'table_description': 'One person in one campaign. `carrier`: the live purpose that the mail travels as.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Campaign',
            fields=[
                ('id', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                ('purpose', fields.CharField(max_length=48)),
                ('version', fields.IntField()),
                ('kind', fields.CharField(max_length=8)),
                ('state', fields.CharField(max_length=12)),
                ('per_minute', fields.IntField()),
                ('after', fields.BigIntField()),
                ('counts', fields.TextField(unique=False)),
                ('created_at', UtcMicrosField()),
                ('ended_at', UtcMicrosField(null=True)),
            ],
            options={'table': 'campaign', 'app': 'prefcenter', 'unique_together': (('purpose', 'version', 'kind'),), 'pk_attr': 'id', 'table_description': 'Asking people about a new or changed purpose, or giving notice of it. `after`: how far it has come.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Confirmation',
            fields=[
                ('id', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                ('subject_id', fields.CharField(db_index=True, max_length=32)),
                ('wide', fields.BinaryField()),
                ('channel', fields.CharField(max_length=8)),
                ('entries', fields.TextField(unique=False)),
                ('created_at', UtcMicrosField()),
                ('expires_at', UtcMicrosField(db_index=True)),
                ('confirmed_at', UtcMicrosField(null=True)),
            ],
            options={'table': 'confirmation', 'app': 'prefcenter', 'pk_attr': 'id', 'table_description': 'Yeses of one person that wait for their mailbox to confirm them (double opt-in).'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ImportRun',
            fields=[
                ('id', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                ('name', fields.CharField(max_length=255)),
                ('digest', fields.CharField(db_index=True, max_length=64)),
                ('position', fields.BigIntField()),
                ('counts', fields.TextField(unique=False)),
                ('state', fields.CharField(max_length=12)),
                ('created_at', UtcMicrosField()),
                ('updated_at', UtcMicrosField()),
            ],
            options={'table': 'import_run', 'app': 'prefcenter', 'pk_attr': 'id', 'table_description': 'An import, as far as it has come: `position` goes on where the last committed chunk ended.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Mail',
            fields=[
                ('id', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                ('kind', fields.CharField(max_length=16)),
                ('about', fields.CharField(max_length=64)),
                ('subject_id', fields.CharField(null=True, max_length=32)),
                ('priority', fields.IntField()),
                ('state', fields.CharField(max_length=12)),
                ('attempts', fields.IntField()),
                ('created_at', UtcMicrosField()),
                ('next_at', UtcMicrosField()),
                ('token', fields.IntField()),
                ('digest', fields.BinaryField(null=True)),
                ('last_error', fields.CharField(null=True, max_length=200)),
                ('ended_at', UtcMicrosField(null=True)),
            ],
            options={'table': 'mail', 'app': 'prefcenter', 'indexes': [Index(fields=['state', 'priority', 'next_at'], name='mail_due'), Index(fields=['about'], name='mail_about')], 'pk_attr': 'id', 'table_description': 'A mail of ours on its way to one person or third party. What it says is composed as it is sent.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Task',
            fields=[
                ('id', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                ('recipient', fields.CharField(max_length=48)),
                ('seq', fields.BigIntField(db_index=True)),
                ('subject_id', fields.CharField(db_index=True, max_length=32)),
                ('purpose', fields.CharField(max_length=48)),
                ('sealed', fields.BinaryField(null=True)),
                ('state', fields.CharField(max_length=12)),
                ('created_at', UtcMicrosField()),
                ('told_at', UtcMicrosField(null=True)),
                ('confirmed_at', UtcMicrosField(null=True)),
            ],
            options={'table': 'task', 'app': 'prefcenter', 'indexes': [Index(fields=['state', 'created_at'], name='task_state')], 'pk_attr': 'id', 'table_description': 'A third party to be told that a permission ended (GDPR Art. 19), until it confirms that it acted.'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='Duty',
            name='result',
            field=fields.TextField(null=True, unique=False),
        ),
        ops.AddField(
            model_name='StandingRow',
            name='declined',
            field=fields.IntField(null=True),
        ),
        ops.AddField(
            model_name='StandingRow',
            name='noticed',
            field=fields.IntField(null=True),
        ),
        ops.AddField(
            model_name='StandingRow',
            name='noticed_at',
            field=UtcMicrosField(null=True),
        ),
    ]
