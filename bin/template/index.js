export { default, Room } from "edgeroom";
