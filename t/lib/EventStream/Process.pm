# SPDX-License-Identifier: Apache-2.0
package EventStream::Process;

=head1 NAME

EventStream::Process - a process that a test starts, and its end

=head1 SYNOPSIS

    package EventStream::Thing;
    use EventStream::Process qw(spawn);
    our @ISA = ('EventStream::Process');

    my $self = bless {...}, $class;
    $self->owned;
    $self->{pid} = spawn(
        command => ['thing', '-f'], log => "$dir/output");
    ...
    $self->end_with('TERM');

The base of classes whose objects are processes. {pid} is missing while there is
none. Whatever happens, an object that is owned ends with the test: at its end,
by a signal, or when nothing refers to it; the one that was made last ends
first.

=head1 METHODS

=over

=item owned

The object ends with this process. Called once.

=item finish

Ends the object now.

=item at_end($died)

What its end is; preset: kill. $died: the test has died.

=item end_with($signal)

Sends this signal and waits until the process has ended.

=item stop, kill, suspend, resume

SIGTERM and SIGKILL, as end_with; SIGSTOP; SIGCONT.

=item is_alive

=item pid

=back

=head1 FUNCTIONS

Exported if asked for.

=over

=item spawn(%options)

Starts a program and returns its pid. It ends with its parent. Options: command,
log => a file to which its output is appended, env => {NAME => 'value'}, before
=> a function that is called in the new process.

=item in_child(\&work)

Runs work in a new process and returns its pid.

=item spew($file, $text)

=back

=cut

use strict;
use warnings;

use Exporter 'import';
use POSIX ();
use Scalar::Util ();
use Test::More ();

our @EXPORT_OK = qw(spawn in_child spew);

my @owned;    # objects (weak)
my $owner = $$;

# A test that is ended by a signal must end its servers, too: END does.
$SIG{TERM} = $SIG{INT} = $SIG{HUP} = sub { exit 130 };

sub owned
{
    my ($self) = @_;
    @owned = grep { defined } @owned;
    push @owned, $self;
    Scalar::Util::weaken($_) for @owned;
    return;
}

sub at_end
{
    my ($self) = @_;
    $self->kill;
    return;
}

sub finish
{
    my ($self, $died) = @_;
    $self->at_end($died) if !$self->{finished}++;
    return;
}

sub DESTROY
{
    my ($self) = @_;
    return if $$ != $owner;    # a forked process of the test
    local ($?, $@, $!);
    $self->finish;
    return;
}

END {
    if ($$ == $owner) {
        my $died = $? != 0;
        local $?;
        EventStream::Client::close_all()
            if defined &EventStream::Client::close_all;
        $_->finish($died) for reverse grep { defined } @owned;
    }
}

sub spawn
{
    my (%opt) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid != 0;
    $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP PIPE);
    $opt{before}->() if $opt{before};
    $ENV{$_} = $opt{env}{$_} for keys %{$opt{env} || {}};
    open STDIN, '<', '/dev/null';
    open STDOUT, '>>', $opt{log};
    open STDERR, '>&', \*STDOUT;
    exec('setpriv', '--pdeathsig', 'KILL', '--', @{$opt{command}})
        or POSIX::_exit(127);
}

sub in_child
{
    my ($work) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid != 0;
    $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP);
    $SIG{PIPE} = 'IGNORE';
    eval { $work->(); 1 } or print STDERR $@;
    POSIX::_exit(0);
}

sub end_with
{
    my ($self, $signal) = @_;
    my $pid = delete $self->{pid} or return;
    CORE::kill $signal, $pid;
    waitpid $pid, 0;
    return;
}

sub stop { return end_with($_[0], 'TERM') }
sub kill { return end_with($_[0], 'KILL') }
sub suspend { return CORE::kill('STOP', $_[0]{pid}) }
sub resume { return CORE::kill('CONT', $_[0]{pid}) }
sub pid { return $_[0]{pid} }

sub is_alive
{
    my ($self) = @_;
    my $pid = $self->{pid} or return 0;
    return 1 if waitpid($pid, POSIX::WNOHANG()) == 0;
    delete $self->{pid};
    return 0;
}

sub spew
{
    my ($file, $text) = @_;
    open my $out, '>', $file or die "$file: $!";
    print {$out} $text;
    close $out or die "$file: $!";
    return;
}

1;
