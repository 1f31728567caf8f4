// ws brings no types of its own; what the scripted room uses of it is plain.
declare module "ws";
