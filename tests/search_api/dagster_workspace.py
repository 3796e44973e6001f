"""The smallest code location with a job like Loupe's: folder partitions, one run over a range of them."""

import time

import dagster as dg

folders = dg.DynamicPartitionsDefinition(name="folders")


@dg.asset(partitions_def=folders, backfill_policy=dg.BackfillPolicy.single_run())
def file_inventory(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    while context.run.tags.get("wait") == "forever":
        time.sleep(0.1)
    return dg.MaterializeResult(metadata={"keys": dg.JsonMetadataValue(sorted(context.partition_keys))})


definitions = dg.Definitions(
    assets=[file_inventory],
    jobs=[
        dg.define_asset_job(
            "ingest", selection=[file_inventory], partitions_def=folders, executor_def=dg.in_process_executor
        )
    ],
)
