# A small SDPose (1.1 M parameters, 2 cycles) that learns SynthPose from nothing on a CPU.
# The weights the demo starts from were made with it, on 8,000 images of another seed:
#   mim run mmpose_sdpose make_synthpose --out data/pretrain --train 8000 --val 300 --seed 1
#   SYNTHPOSE_ROOT=data/pretrain mim train mmpose_sdpose \
#       td-hm_sdpose-n_2xb16-8e_synthpose-128x96.py --launcher pytorch --gpus 2 \
#       --cfg-options randomness.seed=0 env_cfg.dist_cfg.backend=gloo model.head.num_cycles=1
#   mim run mmpose_sdpose publish_checkpoint \
#       work_dirs/…/best_coco_AP_epoch_3.pth sdpose-n_synthpose-128x96.pth
# That run was stopped in its fifth epoch; AP on its own validation people was 0.002 after the third: it
# had barely begun to leave the mean pose (0.000). Longer training is what these weights need.
_base_ = ['../../../_base_/token_heatmap_synthpose.py']

# Cross-entropy, Xavier initialisation and mild augmentation: a token head leaves the mean pose after
# far fewer steps than with the published recipe.
train_cfg = dict(max_epochs=8, val_interval=1)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=1e-3, weight_decay=0.01),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=200, start_factor=0.01, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=8,
        T_max=8,
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
auto_scale_lr = dict(base_batch_size=32)
custom_hooks = [*_base_.custom_hooks, dict(type='ChannelsLastHook')]

model = dict(
    backbone=dict(
        stem_channels=32,
        out_channels=128,
        num_blocks=2,
        init_cfg=dict(type='Kaiming', layer='Conv2d'),
    ),
    head=dict(
        in_channels=128,
        patch_size=(4, 4),
        encoder=dict(embed_dims=128, depth=4, num_heads=4),
        hidden_dims=None,
        num_cycles=2,
        loss=dict(type='HeatmapCrossEntropyLoss'),
        init_cfg=[
            dict(type='Xavier', layer='Linear', distribution='uniform'),
            dict(type='TruncNormal', layer='Conv2d', std=0.1),
        ],
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
