# A thin ResNet-18 of three stages with MMPose's own heatmap head: it learns SynthPose from nothing on a
# CPU, and its backbone is what the small token models start from.
_base_ = ['../../../_base_/token_heatmap_synthpose.py']

train_cfg = dict(max_epochs=16, val_interval=1)
optim_wrapper = dict(optimizer=dict(_delete_=True, type='AdamW', lr=2e-3, weight_decay=0.01))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=200, start_factor=0.01, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=16,
        T_max=16,
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
auto_scale_lr = dict(base_batch_size=32)
custom_hooks = [*_base_.custom_hooks, dict(type='ChannelsLastHook')]

model = dict(
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=18,
        stem_channels=32,
        base_channels=32,
        num_stages=3,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(2,),
    ),
    head=dict(
        _delete_=True,
        type='HeatmapHead',
        in_channels=128,
        out_channels=17,
        deconv_out_channels=(64, 64),
        deconv_kernel_sizes=(4, 4),
        loss=dict(type='KeypointMSELoss', use_target_weight=True, loss_weight=100),
        decoder=_base_.codec,
    ),
)

train_pipeline = [
    *_base_.train_pipeline[:3],
    dict(
        type='RandomBBoxTransform',
        shift_factor=0.05,
        scale_factor=(0.8, 1.2),
        rotate_factor=30,
    ),
    *_base_.train_pipeline[-3:],
]
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
