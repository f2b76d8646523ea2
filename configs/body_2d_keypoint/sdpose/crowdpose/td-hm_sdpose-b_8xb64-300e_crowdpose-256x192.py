# SDPose-B: three-stage HRNet-W32, 2 cycles. The released config has 32 images a GPU
# (train_dataloader.batch_size=32), the paper 64.
_base_ = ['../../../_base_/token_heatmap_crowdpose.py', '../../../_base_/hrnet_w32.py']

model = dict(
    backbone=dict(_delete_=True, **_base_.hrnet_w32_three_stage),
    head=dict(in_channels=32, num_cycles=2),
)
