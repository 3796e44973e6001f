"""The smallest code location with a job like Loupe's: folder partitions, one run over a range of them."""

import time

import dagster as dg

folders = dg.DynamicPartitionsDefinition(name="folders")


class InventoryConfig(dg.Config):
    folders: list[str]


@dg.asset(partitions_def=folders, backfill_policy=dg.BackfillPolicy.single_run())
def file_inventory(context: dg.AssetExecutionContext, config: InventoryConfig) -> dg.MaterializeResult[None]:
    while any(key.startswith(("endless~", "2019~")) for key in config.folders):
        time.sleep(0.1)
    return dg.MaterializeResult(metadata={"looked at": dg.JsonMetadataValue(config.folders)})


definitions = dg.Definitions(
    assets=[file_inventory],
    jobs=[dg.define_asset_job("ingest", selection=[file_inventory], executor_def=dg.in_process_executor)],
)
