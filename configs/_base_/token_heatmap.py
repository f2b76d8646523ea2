# Everything of a token heatmap model but its data: runtime, official schedule, codec, model, pipelines.
_base_ = ['mmpose::_base_/default_runtime.py']

custom_imports = dict(imports=['mmpose_sdpose'])

# schedule of the official SDPose and TokenPose configs, for 8 GPUs with 64 images each
train_cfg = dict(max_epochs=300, val_interval=10)
optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-3))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=500, start_factor=0.001, by_epoch=False),
    dict(type='MultiStepLR', begin=0, end=300, milestones=[200, 260], gamma=0.1, by_epoch=True),
]
auto_scale_lr = dict(base_batch_size=512)
# A checkpoint is written whole or not at all, also on a full disk, and before an older one goes.
default_hooks = dict(
    checkpoint=dict(type='SafeCheckpointHook', backend_args=dict(backend='atomic'))
)
custom_hooks = [
    dict(type='SyncBuffersHook'),
    dict(type='CheckDataHook'),
    dict(type='CheckpointGuardHook'),
    dict(type='CheckFiniteHook'),
    dict(type='EpochSeedHook'),
    dict(type='DistillerStateHook'),
]

data_mode = 'topdown'
codec = dict(
    type='MSRAHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2, unbiased=True
)

# What the papers' models have at stride 4; small models have less, their larger siblings this again.
published_head = dict(
    in_channels=256,
    in_featuremap_size=(48, 64),
    patch_size=(4, 3),
    encoder=dict(embed_dims=192, num_heads=8),
)

# One cycle is TokenPose; SDPose's configs set num_cycles. The token losses act between cycles.
model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(type='StemNet'),
    head=dict(
        published_head,
        type='MCTHead',
        out_channels=17,
        encoder=dict(published_head['encoder'], depth=12, mlp_ratio=3),
        hidden_dims=384,
        num_cycles=1,
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        visual_token_loss=dict(type='TokenDistanceLoss', loss_weight=5e-6),
        keypoint_token_loss=dict(type='TokenDistanceLoss', loss_weight=5e-6),
        decoder=codec,
    ),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True),
)

# The official augmentation, said in the words of MMPose 1.x. There, RandomBBoxTransform draws from a
# normal distribution cut to [-1, 1] and multiplies by the factor, so that
# - rotation: clip(N(0, 45), -90, 90) degrees becomes factor 90 (standard deviation 49, range +-90);
# - scale: clip(N(1, 0.35), 0.65, 1.35) becomes the range itself (standard deviation 0.19, not 0.25);
# - shift: uniform in +-0.16 of the box becomes factor 0.16 (standard deviation 0.086, not 0.092).
# Half body: the defaults are the official values (p 0.3, more than 8 joints, padding 1.5), except that
# the upper half may be chosen with 2 joints instead of 3. The shift comes after the half-body choice,
# and is drawn on the box before its aspect is fixed: a narrow person shifts less sideways here.
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomHalfBody'),
    dict(
        type='RandomBBoxTransform',
        shift_factor=0.16,
        shift_prob=0.3,
        scale_factor=(0.65, 1.35),
        rotate_factor=90,
        rotate_prob=0.6,
    ),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs'),
]

# What the loaders of every data set share; its base adds the data set.
train_dataloader = dict(
    batch_size=64,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
)
test_dataloader = val_dataloader
