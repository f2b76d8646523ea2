# What `make demo` trains in minutes on two CPU cores: the packaged weights' backbone under an untrained
# head, on drawn people who stand alone and face the camera (30,000 of them shown). Cross-entropy leaves
# the mean pose after some hundred steps, where squared error sits on it.
_base_ = ['./td-hm_sdpose-n_2xb16-16e_synthpose-128x96.py']

model = dict(
    backbone=dict(
        init_cfg=dict(
            type='Pretrained',
            prefix='backbone.',
            checkpoint='mmpose_sdpose://sdpose-n_synthpose-128x96.pth',
        )
    ),
    head=dict(loss=dict(_delete_=True, type='HeatmapCrossEntropyLoss')),
)

data_source = (
    'mim run mmpose_sdpose make_synthpose --out data/synthpose --train 3000 --val 300 --company alone '
    '--view front'
)
train_cfg = dict(max_epochs=10)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=100, start_factor=0.01, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=10,
        T_max=10,
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(logger=dict(interval=10))
