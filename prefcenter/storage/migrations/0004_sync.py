from tortoise import migrations
from tortoise.migrations import operations as ops
from prefcenter.storage.fields import UtcMicrosField
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('prefcenter', '0003_rejects')]

    initial = False

    operations = [
        ops.CreateModel(
            name='ConnectionState',
            fields=[
                ('name', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ('state', fields.CharField(max_length=12)),
                ('reason', fields.CharField(null=True, max_length=200)),
                ('since', UtcMicrosField(null=True)),
                ('failures', fields.IntField(db_default=0)),
                ('open_until', UtcMicrosField(null=True)),
                ('lease_until', UtcMicrosField(db_default=0)),
                ('token', fields.IntField(db_default=0)),
                ('snapshot', fields.CharField(max_length=12)),
                ('scopes', fields.TextField(null=True, unique=False)),
                ('after', fields.BigIntField(db_default=0)),
                ('alarm', fields.CharField(null=True, max_length=200)),
                ('alarm_at', UtcMicrosField(null=True)),
                ('problems', fields.TextField(null=True, unique=False)),
                ('checked_at', UtcMicrosField(null=True)),
                ('reconciled_at', UtcMicrosField(null=True)),
                ('created_at', UtcMicrosField()),
            ],
            options={'table': 'connection_state', 'app': 'prefcenter', 'pk_attr': 'name', 'table_description': 'How it goes with one connection of the file. `state`: running or paused (`reason`, since `since`).'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Level',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('connection', fields.CharField(max_length=64)),
                ('scope', fields.CharField(max_length=128)),
                ('wide', fields.BinaryField()),
                ('subject_id', fields.CharField(null=True, max_length=32)),
                ('sealed', fields.BinaryField(null=True)),
                ('stopped', fields.BooleanField()),
                ('version', fields.BigIntField()),
                ('sent', fields.BigIntField(db_default=0)),
                ('stop_sent', fields.BooleanField(db_default=False)),
                ('resume_sent', fields.BooleanField(db_default=False)),
                ('confirmed', fields.BigIntField(db_default=0)),
                ('state', fields.CharField(max_length=12)),
                ('said_at', UtcMicrosField()),
                ('honour_by', UtcMicrosField(null=True)),
                ('law', fields.CharField(null=True, max_length=64)),
                ('attempts', fields.IntField(db_default=0)),
                ('first_at', UtcMicrosField(null=True)),
                ('next_at', UtcMicrosField()),
                ('token', fields.IntField(db_default=0)),
                ('last_status', fields.IntField(null=True)),
                ('last_error', fields.CharField(null=True, max_length=200)),
                ('sent_at', UtcMicrosField(null=True)),
                ('ended_at', UtcMicrosField(null=True)),
                ('confirmed_by', fields.CharField(null=True, max_length=16)),
            ],
            options={'table': 'level', 'app': 'prefcenter', 'unique_together': (('connection', 'scope', 'wide'),), 'indexes': [Index(fields=['connection', 'state', 'stopped', 'next_at'], name='level_due'), Index(fields=['wide'], name='level_wide'), Index(fields=['state', 'honour_by'], name='level_overdue')], 'pk_attr': 'id', 'table_description': 'What a connection must know of one address on one of its scopes: stopped, or not any more.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Reconciliation',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('connection', fields.CharField(max_length=64)),
                ('state', fields.CharField(max_length=12)),
                ('started_at', UtcMicrosField()),
                ('ended_at', UtcMicrosField(null=True)),
                ('counts', fields.TextField(unique=False)),
                ('examples', fields.TextField(unique=False)),
                ('error', fields.CharField(null=True, max_length=200)),
            ],
            options={'table': 'reconciliation', 'app': 'prefcenter', 'indexes': [Index(fields=['connection', 'started_at'], name='reconciliation_of')], 'pk_attr': 'id', 'table_description': "One comparison of a connection's list with ours. `counts`, `examples` (masked addresses): JSON."},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='HookEventRow',
            name='attempts',
            field=fields.IntField(db_default=0),
        ),
        ops.AddField(
            model_name='HookEventRow',
            name='first_seq',
            field=fields.BigIntField(null=True),
        ),
        ops.AddField(
            model_name='HookEventRow',
            name='kind',
            field=fields.CharField(db_default='', max_length=24),
        ),
        ops.AddField(
            model_name='HookEventRow',
            name='last_seq',
            field=fields.BigIntField(null=True),
        ),
        ops.AddField(
            model_name='HookEventRow',
            name='next_at',
            field=UtcMicrosField(db_default=0),
        ),
        ops.AddField(
            model_name='HookEventRow',
            name='reason',
            field=fields.CharField(null=True, max_length=200),
        ),
        ops.AddField(
            model_name='HookEventRow',
            name='token',
            field=fields.IntField(db_default=0),
        ),
        ops.AddField(
            model_name='HookEventRow',
            name='wide',
            field=fields.BinaryField(null=True),
        ),
        ops.AddIndex(
            model_name='HookEventRow',
            index=Index(fields=['state', 'next_at'], name='hook_event_due'),
        ),
        ops.AddIndex(
            model_name='HookEventRow',
            index=Index(fields=['connection', 'received_at'], name='hook_event_received'),
        ),
        ops.AddIndex(
            model_name='HookEventRow',
            index=Index(fields=['wide'], name='hook_event_wide'),
        ),
    ]
