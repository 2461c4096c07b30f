/* SPDX-License-Identifier: Apache-2.0 */

$("home").href = location.pathname;
if (query.has("channel")) {
    startChannel();
}
else {
    startOverview();
}
