# SDPose-S-V2: 2x2 patches, 768 visual tokens, 2 cycles. The released config has 24 images a GPU
# (train_dataloader.batch_size=24), the paper 64.
_base_ = ['../../../_base_/token_heatmap_coco.py']

model = dict(head=dict(patch_size=(2, 2), num_cycles=2))
