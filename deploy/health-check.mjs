// Can this container's server answer requests? Ends with 0 or 1, for HEALTHCHECK.
// By way of loopback, so that a certificate that names another host is no failure.
import { get as getHttp } from "node:http";
import { get as getHttps } from "node:https";

const { LYNSE_PORT: port = "7637", LYNSE_TLS_CERT: certificate = "" } = process.env;
const get = certificate === "" ? getHttp : getHttps;
const request = get({ host: "127.0.0.1", port, path: "/readyz", timeout: 4000, rejectUnauthorized: false });
request.on("response", (response) => process.exit(response.statusCode === 200 ? 0 : 1));
request.on("timeout", () => process.exit(1));
request.on("error", () => process.exit(1));
