"""Settings of a Slurm of one machine with sockets, ports and files of its own."""

from pathlib import Path

CPUS, MEMORY_MB = 4, 16_000  # what Slurm is told to give away, whatever the machine has

CONTROL = """\
ClusterName=csft
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={control}
SlurmdPort={node}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=1
PriorityType=priority/basic
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={accounts}
AccountingStoragePass={folder}/munge.socket
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
MailProg=/bin/true
NodeName=localhost NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=debug Nodes=localhost Default=YES MaxTime=INFINITE OverSubscribe=NO State=UP
"""

ACCOUNTS = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={accounts}
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_accounts
PidFile={folder}/slurmdbd.pid
"""


def write_settings(folder: Path, ports: dict[str, int]) -> None:
    """Write slurm.conf and slurmdbd.conf, and make the folders they name."""
    values = {"folder": folder, "cpus": CPUS, "memory": MEMORY_MB, **ports}
    for name, text in (("slurm.conf", CONTROL), ("slurmdbd.conf", ACCOUNTS)):
        path = folder / name
        path.write_text(text.format(**values), encoding="utf-8")
        path.chmod(0o600 if name == "slurmdbd.conf" else 0o644)  # slurmdbd refuses a file others may read
    for name in ("state", "spool"):
        (folder / name).mkdir()
