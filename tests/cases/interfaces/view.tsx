import React from "react";
/** Greets. */
export function Hello({ name }: { name: string }): JSX.Element { return <b>{name}</b>; }
export default Hello;
