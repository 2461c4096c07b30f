# SPDX-License-Identifier: Apache-2.0
#
# Pages of one origin and streams of another, in Chromium and in Firefox: with
# and without credentials, preflights without a login, errors that a page can
# read, off by preset. And what an EventSource makes of EventStreamErrorForm.
# The checks are in browser/cors.mjs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/browser";
use Driver;
use EventStream::Client;
use EventStream::Httpd;
use Test::More;

Driver::need('playwright-core', browser => 1);

# The login is a cookie: no dialog may be in the way. The log that the checks
# read has a line for each request, "METHOD PATH status".
my $httpd = EventStream::Httpd->start(
    modules => [qw(headers auth_basic authn_file authz_user alias mime
        rewrite)],
    files => {
        'page.html' => "<!DOCTYPE html>\n<title>page</title>\n",
        'login.html' => "<!DOCTYPE html>\n<title>login</title>\n",
        'users' => '',
    }, conf => <<'CONF');
Listen 127.0.0.1:@PORT:pages@
AddType text/html .html
LogFormat "%m %U %s" short
CustomLog "@ROOT@/logs/short" short
Alias "/log" "@ROOT@/logs/short"
<Directory "@ROOT@/logs">
    Require local
</Directory>
Alias "/login" "@DOCROOT@/login.html"
<Location "/login">
    Header always set Set-Cookie "login=ann; Path=/"
</Location>
EventStreamRetry 300ms
<LocationMatch "^/(off|events|star|stardenied|private|form)$">
    SetHandler eventstream
    EventStreamChannel a
</LocationMatch>
<LocationMatch "^/(denied|broken|basic|user)$">
    SetHandler eventstream
    EventStreamChannel a
</LocationMatch>
<LocationMatch "^/(few|formfew)$">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamAllowChannel "a*"
</LocationMatch>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
<LocationMatch "^/(events|private|form|denied|broken|basic|user)$">
    EventStreamAllowOrigin http://127.0.0.1:@PORT:pages@
</LocationMatch>
<LocationMatch "^/(few|formfew|publish)$">
    EventStreamAllowOrigin http://127.0.0.1:@PORT:pages@
</LocationMatch>
<LocationMatch "^/(star|stardenied)$">
    EventStreamAllowOrigin *
</LocationMatch>
<LocationMatch "^/(private|form)$">
    ErrorDocument 403 "no login"
    Require expr "%{HTTP_COOKIE} =~ /login=ann/"
</LocationMatch>
<LocationMatch "^/(form|denied|stardenied|broken|basic|formfew)$">
    EventStreamErrorForm event
</LocationMatch>
<LocationMatch "^/(denied|stardenied)$">
    Require all denied
</LocationMatch>
<Location "/broken">
    RewriteEngine On
    RewriteRule .* - [R=503]
</Location>
<LocationMatch "^/(basic|user)$">
    ErrorDocument 401 "no password"
    AuthType Basic
    AuthName x
    AuthUserFile "@DOCROOT@/users"
    Require valid-user
</LocationMatch>
CONF

my ($pages, $streams) = map { "http://127.0.0.1:$_/" }
    $httpd->port_of('pages'), $httpd->port;
for my $browser ('chromium', 'firefox') {
SKIP: {
    my $reason = $browser eq 'firefox'
        && Driver::lacking('playwright-core', firefox => 1);
    skip $reason, 1 if $reason;
    Driver::run('cors.mjs', $httpd, $pages, $streams, $browser);
}
}
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
