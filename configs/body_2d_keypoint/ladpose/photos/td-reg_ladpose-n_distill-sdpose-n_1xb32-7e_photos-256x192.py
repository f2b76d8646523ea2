# The same for two CPU cores: smaller batches, a short schedule, and no processes that load data.
_base_ = ['./td-reg_ladpose-n_distill-sdpose-n_1xb256-60e_photos-256x192.py']

epochs = 7
train_cfg = dict(max_epochs=epochs, val_interval=1)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=100, start_factor=0.05, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=epochs,
        T_max=epochs,
        eta_min=1e-6,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
# Pictures are kept by the one process that there is. SynthPose's share is that of its first 4,000.
train_dataloader = dict(
    batch_size=32,
    num_workers=0,
    persistent_workers=False,
    pin_memory=False,
    dataset=dict(sample_ratio_factor=[1.0, 0.45, 20.0]),
)
val_dataloader = dict(num_workers=0, persistent_workers=False)
custom_hooks = [*_base_.custom_hooks[:-1], dict(_base_.custom_hooks[-1], momentum=0.002)]
default_hooks = dict(checkpoint=dict(interval=1, max_keep_ckpts=2), logger=dict(interval=20))
