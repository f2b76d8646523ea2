# TokenPose-S-V2: 2x2 patches, 768 visual tokens.
_base_ = ['../../../_base_/token_heatmap_coco.py']

model = dict(head=dict(patch_size=(2, 2)))
