# A few epochs on a CPU: one cycle, smaller batches, the learning rate down to nothing. Weights to start
# from are named in load_from, such as those in the package.
_base_ = ['./td-hm_sdpose-n_1xb256-60e_photos-256x192.py']

epochs = 4
load_from = None  # --cfg-options load_from=mmpose_sdpose://sdpose-n_photos-256x192.pth
model = dict(head=dict(num_cycles=1))
train_cfg = dict(max_epochs=epochs, val_interval=1)
optim_wrapper = dict(optimizer=dict(lr=5e-4))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=50, start_factor=0.1, by_epoch=False),
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
# Pictures are kept by the one process that there is.
train_dataloader = dict(batch_size=32, num_workers=0, persistent_workers=False, pin_memory=False)
custom_hooks = [*_base_.custom_hooks[:-1], dict(_base_.custom_hooks[-1], momentum=0.002)]
default_hooks = dict(checkpoint=dict(interval=1, max_keep_ckpts=2))
